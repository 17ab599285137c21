//! StatefulSets in pools.

use anyhow::{Context as _, Result};
use api::names::app_set as names;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tests::fixture::AppSet;

use super::{A_WHILE, container, estate};

/// There nobody watches StatefulSets: the status is as old as the last event of something else.
#[tokio::test]
async fn item_4_the_status_follows_stateful_sets() -> Result<()> {
    let mut estate = estate("stateful", 1).await?;
    // As a name of a StatefulSet it would be refused, and with it what is asked of the others.
    estate.add_pool("a.stateful.pool").await?;
    estate.pools.sort();
    let set = estate.app_set("db").stateful().replicas(2);
    let set = set.template("/metadata/labels/tier", json!("data"));
    estate.deploy(&set, 2).await?;
    let child = estate.child("db", &estate.pools[0]).await?;
    assert_eq!(child["kind"], "StatefulSet");
    assert_eq!(child["metadata"]["name"], names::workload(names::WorkloadKind::StatefulSet, "db", &estate.pools[0]));
    assert_eq!(
        child["spec"]["template"]["metadata"]["labels"]["tier"], "data",
        "OpenYurt gives its labels to the pods"
    );

    // A pod that never gets ready is seen without anybody touching the YurtAppSet.
    let broken = json!({"pools": [estate.pools[0]], "tweaks": {"containerImages": [{"name": "main", "targetImage": AppSet::image_of("db", "broken")}]}});
    estate.apply(&set.clone().tweak(broken)).await?;
    let stuck = |set: &Value| {
        let status = &set["status"];
        status["observedGeneration"] == set["metadata"]["generation"]
            && status["readyWorkloads"] == 1
            && status["updatedWorkloads"] == 1
    };
    estate.await_set("db", "one broken pool", stuck).await?;
    estate.await_condition("db", "AppReady", "False", &["NotAllWorkloadsReady"]).await?;
    estate.await_condition("db", "AppUpdated", "True", &["All expected workloads are updated successfully"]).await?;

    // There what cannot be changed passes, and every write fails for ever (item 16).
    estate.apply(&set.clone().template("/spec/serviceName", json!("other"))).await?;
    estate
        .await_condition("db", "AppUpdated", "False", &["UpdateWorkloadError", "updates to statefulset spec"])
        .await?;

    estate.deploy(&set.tag("v2"), 2).await?;
    let child = estate.child("db", &estate.pools[0]).await?;
    assert_eq!(container(&child, "image"), &json!(AppSet::image_of("db", "v2")));
    // What somebody changes by hand is put back (item 10).
    let by_hand = json!([{"name": "main", "image": AppSet::image_of("db", "by-hand")}]);
    let by_hand = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": by_hand}}}});
    let (stateful_sets, edit) = (estate.objects("apps/v1", "StatefulSet"), PatchParams::default());
    let name = child["metadata"]["name"].as_str().context("a name")?;
    let changed = stateful_sets.patch(name, &edit, &Patch::Merge(&by_hand)).await.context("changing it by hand")?;
    let put_back = |now: &Value| {
        now["metadata"]["generation"].as_i64() > changed.metadata.generation && now["spec"] == child["spec"]
    };
    estate.await_child("db", &estate.pools[0], "what it was", put_back).await?;
    estate.await_settled("db", 2).await?;
    estate.quiet(A_WHILE).await.map(drop)
}
