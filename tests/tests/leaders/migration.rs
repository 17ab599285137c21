//! Taking over what yurt-manager wrote, and giving it back.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::PostParams;
use serde_json::json;
use tests::fixture::eventually;

use super::LONG;
use super::neighbour::{elect, service, stage};
use super::site::Site;

/// A ConfigMap as yurt-manager writes it for two leaders.
fn as_yurt_manager_writes(site: &Site, uid: &str) -> Result<ConfigMap> {
    let name = format!("leader-hub-{}", site.pool);
    let owner = json!({"apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool", "name": site.pool, "uid": uid});
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"openyurt.io/configmap-name": name}, "ownerReferences": [owner]},
        "data": {
            "leaders": "taken-a/10.42.0.1,taken-c/10.42.0.3",
            "pool-scoped-metadata": "/v1/services,discovery.k8s.io/v1/endpointslices",
            "interconnectivity": "false",
            "enable-leader-election": "true",
        },
    });
    serde_json::from_value(object).context("a ConfigMap")
}

#[tokio::test]
async fn a_config_map_of_yurt_managers_is_taken_over_without_a_change_and_can_be_given_back() -> Result<()> {
    let (stage, _turn) = stage().await?;
    let nodes = [("a", "10.42.0.1"), ("b", "10.42.0.2"), ("c", "10.42.0.3")];
    let site = Site::electing(stage, "taken", 2, &nodes).await?;
    // In an order of its own.
    elect(&site, &[("c", "10.42.0.3"), ("a", "10.42.0.1")]).await?;
    let uid = site.read().await?.uid().context("no UID")?;
    let params = PostParams { field_manager: Some("yurt-manager".to_owned()), ..PostParams::default() };
    let before = site.config_maps().create(&params, &as_yurt_manager_writes(&site, &uid)?).await?;
    let elected = site.read().await?.status.and_then(|status| status.leader_last_elected_time);

    let serving = stage.service(service()).await?;
    site.await_condition("LeaderReady", |condition| condition.reason == "Elected").await?;
    site.await_led_by(&["a", "c"]).await?;
    let after = site.config_maps().get(&before.name_any()).await?;
    assert_eq!((after.resource_version(), &after.data), (before.resource_version(), &before.data), "not one write");
    let status = site.read().await?.status.context("no status")?;
    assert_eq!(status.leader_last_elected_time, elected, "the same leaders are no election");

    // A first change of our own, and everything that yurt-manager needs to go on is still there.
    site.ready("c", false).await?;
    site.await_led_by(&["a", "b"]).await?;
    let ours = site.config_maps().get(&before.name_any()).await?;
    assert_eq!(ours.data.as_ref().map(|data| data["leaders"].as_str()), Some("taken-a/10.42.0.1,taken-b/10.42.0.2"));
    let without_leaders = |map: &ConfigMap| {
        let mut data = map.data.clone().unwrap_or_default();
        data.remove("leaders");
        data
    };
    assert_eq!(without_leaders(&ours), without_leaders(&before));
    assert_eq!((ours.uid(), ours.labels()), (before.uid(), before.labels()));
    let exit = serving.process.terminate(LONG).await?;
    assert!(exit.success(), "{exit}");

    // Switched off, what nobody would keep is removed; what is on stays.
    let spec = service().env("DROVER_OUTPUTS__ENDPOINT_SLICE", "false").env("DROVER_OUTPUTS__ENDPOINTS", "false");
    let serving = stage.service(spec).await?;
    eventually("Endpoints and slices to be removed", LONG, async || {
        let endpoints = site.endpoints().get_opt("leader-hub-taken").await?;
        let slices = site.slices().get_opt("leader-hub-taken-ipv4").await?;
        Ok((endpoints.is_none() && slices.is_none()).then_some(()))
    })
    .await?;
    assert_eq!(site.config_maps().get(&before.name_any()).await?.resource_version(), ours.resource_version());
    let exit = serving.process.terminate(LONG).await?;
    assert!(exit.success(), "{exit}");
    Ok(())
}
