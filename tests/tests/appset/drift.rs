//! What others change of a workload is put back; what they add is theirs.

use anyhow::{Context as _, Result};
use api::names::app_set as names;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tests::fixture::AppSet;

use super::{A_WHILE, container, estate};

/// There a workload whose revision label is right is never looked at.
#[tokio::test]
async fn item_10_what_somebody_changes_by_hand_is_put_back() -> Result<()> {
    let estate = estate("drift", 2).await?;
    estate.deploy(&estate.app_set("web"), 2).await?;
    let pool = &estate.pools[0];
    let before = estate.child("web", pool).await?;
    let name = before["metadata"]["name"].as_str().context("a name")?;
    let others = estate.child("web", &estate.pools[1]).await?;
    let deployments = estate.objects("apps/v1", "Deployment");
    let edit = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    let by_hand = json!({
        "metadata": {"labels": {"app": null, "others/team": "x"}, "annotations": {"apps.openyurt.io/ref-nodepool": "elsewhere"}},
        "spec": {"replicas": 5, "paused": true, "template": {"spec": {
            "containers": [{"name": "main", "image": AppSet::image_of("web", "by-hand")}],
            "nodeSelector": {"apps.openyurt.io/nodepool": "elsewhere"},
        }}},
    });
    deployments.patch(name, &edit, &Patch::Merge(&by_hand)).await.context("changing it by hand")?;
    let restored = estate.await_child("web", pool, "what it was", |child| {
        let [metadata, spec] = [&child["metadata"], &child["spec"]];
        container(child, "image") == &json!(AppSet::image_of("web", "v1"))
            && spec["replicas"] == 1
            && spec["template"]["spec"]["nodeSelector"]["apps.openyurt.io/nodepool"] == json!(pool)
            && metadata["labels"]["app"] == "web"
            && metadata["annotations"]["apps.openyurt.io/ref-nodepool"] == json!(pool)
    });
    let restored = restored.await?;
    assert_eq!(restored["metadata"]["uid"], before["metadata"]["uid"]);
    // What the YurtAppSet does not say is nobody's but theirs.
    assert_eq!(
        (&restored["metadata"]["labels"]["others/team"], &restored["spec"]["paused"]),
        (&json!("x"), &json!(true))
    );
    deployments.patch(name, &edit, &Patch::Merge(&json!({"spec": {"paused": false}}))).await?;
    estate.await_settled("web", 2).await?;
    let untouched = estate.child("web", &estate.pools[1]).await?;
    assert_eq!(untouched["metadata"]["generation"], others["metadata"]["generation"]);
    Ok(())
}

/// By its label a workload is found; without it, only where it is looked for.
#[tokio::test]
async fn a_workload_that_loses_its_labels_gets_them_back_and_no_second_one_is_made() -> Result<()> {
    let estate = estate("unlabelled", 2).await?;
    estate.deploy(&estate.app_set("web"), 2).await?;
    let (pool, pods) = (&estate.pools[0], estate.pods("web").await?);
    let before = estate.child("web", pool).await?;
    let name = before["metadata"]["name"].as_str().context("a name")?;
    let none = json!({"metadata": {"labels": {names::SET: null, names::POOL_NAME: null, names::REVISION: null}}});
    let deployments = estate.objects("apps/v1", "Deployment");
    deployments.patch(name, &PatchParams::default(), &Patch::Merge(&none)).await.context("taking its labels")?;
    let back = estate.await_child("web", pool, "its labels", |child| {
        ["app", names::SET, names::REVISION]
            .iter()
            .all(|key| child["metadata"]["labels"][key] == before["metadata"]["labels"][key])
    });
    assert_eq!(back.await?["metadata"]["uid"], before["metadata"]["uid"]);
    estate.await_settled("web", 2).await?;
    assert_eq!(estate.pods("web").await?, pods);
    assert_eq!(deployments.list(&ListParams::default()).await?.items.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_workload_that_somebody_deletes_is_made_again_under_its_name() -> Result<()> {
    let estate = estate("deleted", 1).await?;
    estate.deploy(&estate.app_set("web"), 1).await?;
    let pool = &estate.pools[0];
    let before = estate.child("web", pool).await?;
    let name = before["metadata"]["name"].as_str().context("a name")?;
    estate.objects("apps/v1", "Deployment").delete(name, &DeleteParams::background()).await?;
    let again = estate.await_child("web", pool, "another workload", |child| {
        child["metadata"]["uid"].is_string() && child["metadata"]["uid"] != before["metadata"]["uid"]
    });
    assert_eq!(again.await?["metadata"]["name"], name);
    estate.await_settled("web", 1).await?;
    Ok(())
}

/// An API server that writes a field otherwise than it was given must not be written to for ever, nor a Deployment controller that
/// counts in an annotation.
#[tokio::test]
async fn what_the_api_server_writes_its_own_way_is_no_drift() -> Result<()> {
    let estate = estate("own-way", 1).await?;
    let odd = json!({
        "name": "main", "image": AppSet::image_of("web", "v1"), "tty": false, "securityContext": {},
        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "100m"}},
        "env": [{"name": "EMPTY", "value": ""}], "ports": [{"containerPort": 80}], "livenessProbe": null,
    });
    let set = estate.app_set("web").template("/spec/template/spec/containers", json!([odd]));
    let set = set.template("/spec/template/spec/hostNetwork", json!(false)).template("/spec/paused", json!(false));
    let set = set.template("/metadata/annotations/deployment.kubernetes.io~1revision", json!("7"));
    estate.deploy(&set, 1).await?;
    estate.quiet(A_WHILE).await?;
    let child = estate.child("web", &estate.pools[0]).await?;
    assert_eq!(container(&child, "resources")["limits"], json!({"cpu": "500m", "memory": "1Gi"}));
    assert_eq!(container(&child, "livenessProbe"), &Value::Null);
    assert_eq!(child["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    Ok(())
}
