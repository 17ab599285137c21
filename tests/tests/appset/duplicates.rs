//! One workload in each pool, whoever made a second one.

use anyhow::{Context as _, Result};
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};
use tests::fixture::eventually;

use super::{MINUTE, estate};

/// There a reconcile that does not see its own write yet makes a second workload, and nobody ever deletes it.
#[tokio::test]
async fn item_3_of_two_workloads_in_a_pool_the_younger_goes() -> Result<()> {
    let estate = estate("twins", 2).await?;
    estate.deploy(&estate.app_set("web"), 2).await?;
    let pool = &estate.pools[0];
    let first = estate.child("web", pool).await?;
    let pods = estate.pods("web").await?;
    // Times have whole seconds; of two of the same second the name decides.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let mut twin: Value = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": first["spec"]});
    twin["metadata"] = json!({
        "generateName": format!("web-{pool}-"), "labels": first["metadata"]["labels"],
        "annotations": {"apps.openyurt.io/ref-nodepool": pool}, "ownerReferences": first["metadata"]["ownerReferences"],
    });
    let twin: DynamicObject = serde_json::from_value(twin)?;
    let as_yurt_manager = PostParams { field_manager: Some("yurt-manager".to_owned()), ..PostParams::default() };
    let twin =
        estate.objects("apps/v1", "Deployment").create(&as_yurt_manager, &twin).await.context("making a twin")?;
    eventually("the twin to go", 2 * MINUTE, async || {
        let names: Vec<Value> =
            estate.workloads("web").await?.iter().map(|one| one["metadata"]["name"].clone()).collect();
        Ok((!names.contains(&json!(twin.metadata.name))).then_some(()))
    })
    .await?;
    assert_eq!(estate.child("web", pool).await?["metadata"]["uid"], first["metadata"]["uid"]);
    estate.await_settled("web", 2).await?;
    // The twin's pods end some time after it.
    eventually("the twin's pods to go", 2 * MINUTE, async || Ok((estate.pods("web").await? == pods).then_some(())))
        .await
}
