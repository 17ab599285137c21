//! What is published, to the byte.

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tests::fixture::eventually;

use super::site::Site;
use super::{LONG, bed};

#[tokio::test]
async fn a_yurt_hub_reads_exactly_what_it_always_read() -> Result<()> {
    let bed = bed().await?;
    let spec = json!({
        "enableLeaderElection": true, "leaderReplicas": 3, "interConnectivity": true,
        "poolScopeMetadata": [
            {"group": "discovery.k8s.io", "version": "v1", "resource": "endpointslices"},
            {"group": "", "version": "v1", "resource": "services"},
        ],
    });
    let site = Site::open(&bed.stage, "exact", spec).await?;
    for (node, address) in [("z", "10.9.0.1"), ("b", "10.9.0.2"), ("a6", "fd00:9::3")] {
        site.add(node, address, &json!({})).await?;
    }
    site.await_count(3).await?;
    assert_eq!(
        site.data().await?,
        json!({
            "leaders": "exact-a6/fd00:9::3,exact-b/10.9.0.2,exact-z/10.9.0.1",
            "pool-scoped-metadata": "/v1/services,discovery.k8s.io/v1/endpointslices",
            "interconnectivity": "true",
            "enable-leader-election": "true",
        })
    );
    let map = site.config_maps().get("leader-hub-exact").await?;
    assert_eq!(map.labels()["openyurt.io/configmap-name"], "leader-hub-exact");
    let endpoints = site.endpoints().get("leader-hub-exact").await?;
    assert_eq!(endpoints.labels()["endpointslice.kubernetes.io/skip-mirror"], "true");
    assert_eq!(endpoints.annotations()["apps.openyurt.io/interconnectivity"], "true");
    let metadata = &endpoints.annotations()["apps.openyurt.io/pool-scoped-metadata"];
    assert_eq!(metadata, "/v1/services,discovery.k8s.io/v1/endpointslices");
    let pool = site.read().await?;
    for owners in [map.owner_references(), endpoints.owner_references()] {
        let owners: Vec<_> = owners.iter().map(|owner| (owner.kind.as_str(), Some(owner.uid.clone()))).collect();
        assert_eq!(owners, [("NodePool", pool.uid())]);
    }
    // What a pool asks for follows its spec, leaders or not.
    site.change(&json!({"poolScopeMetadata": [{"group": "", "version": "v1", "resource": "nodes"}]})).await?;
    eventually("the new metadata", LONG, async || {
        Ok((site.data().await?["pool-scoped-metadata"] == "/v1/nodes").then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_deleted_pool_takes_its_outputs_with_it() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "deleted", 1, &[("a", "10.10.0.1")]).await?;
    site.await_led_by(&["a"]).await?;
    site.pools().delete("deleted", &DeleteParams::default()).await?;
    eventually("the outputs to be gone", LONG, async || {
        let map = site.config_maps().get_opt("leader-hub-deleted").await?;
        let endpoints = site.endpoints().get_opt("leader-hub-deleted").await?;
        let slice = site.slices().get_opt("leader-hub-deleted-ipv4").await?;
        Ok((map.is_none() && endpoints.is_none() && slice.is_none()).then_some(()))
    })
    .await
}

#[tokio::test]
async fn an_output_that_the_api_server_refuses_is_told_and_stops_no_other() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "frozen", 1, &[("a", "10.17.0.1")]).await?;
    site.await_led_by(&["a"]).await?;
    let freeze = Patch::Merge(json!({"immutable": true}));
    site.config_maps().patch("leader-hub-frozen", &PatchParams::default(), &freeze).await?;
    site.address("a", "10.17.0.2").await?;
    let condition = site.await_condition("LeadersPublished", |condition| condition.status == "False").await?;
    ensure!(condition.message.contains("ConfigMap leader-hub-frozen"), "{}", condition.message);
    site.await_event("frozen", "LeadersNotPublished").await?;
    eventually("the Endpoints to go on", LONG, async || {
        let endpoints = site.endpoints().get("leader-hub-frozen").await?;
        Ok(json!(endpoints.subsets).to_string().contains("10.17.0.2").then_some(()))
    })
    .await?;
    site.config_maps().delete("leader-hub-frozen", &DeleteParams::default()).await?;
    site.await_led_by(&["a"]).await?;
    site.await_condition("LeadersPublished", |condition| condition.status == "True").await?;
    Ok(())
}

#[tokio::test]
async fn a_pool_name_that_is_too_long_for_an_output_is_told_and_stops_nothing_else() -> Result<()> {
    let bed = bed().await?;
    let name = "p".repeat(60);
    let site = Site::electing(&bed.stage, &name, 1, &[]).await?;
    let condition = site.await_condition("LeadersPublished", |condition| condition.status == "False").await?;
    for word in ["ConfigMap", "openyurt.io/configmap-name", "at most 52"] {
        ensure!(condition.message.contains(word), "{} names {word}", condition.message);
    }
    site.await_event(&name, "LeadersNotPublished").await?;
    let endpoints =
        eventually("the Endpoints", LONG, async || Ok(site.endpoints().get_opt(&format!("leader-hub-{name}")).await?));
    ensure!(endpoints.await?.subsets.is_none_or(|subsets| subsets.is_empty()));
    site.pools().delete(&name, &DeleteParams::default()).await.context("deleting the pool").map(drop)
}
