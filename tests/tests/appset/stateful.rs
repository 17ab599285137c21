//! StatefulSets in pools.

use anyhow::Result;
use api::names::app_set as names;
use serde_json::json;
use tests::fixture::AppSet;

use super::{A_WHILE, container, estate};

/// There nobody watches StatefulSets: the status is as old as the last event of something else.
#[tokio::test]
async fn item_4_the_status_follows_stateful_sets() -> Result<()> {
    let estate = estate("stateful", 2).await?;
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
    let stuck = |set: &serde_json::Value| {
        let status = &set["status"];
        status["observedGeneration"] == set["metadata"]["generation"]
            && status["readyWorkloads"] == 1
            && status["updatedWorkloads"] == 1
    };
    estate.await_set("db", "one broken pool", stuck).await?;
    estate.await_condition("db", "AppReady", "False", &["NotAllWorkloadsReady"]).await?;
    estate.await_condition("db", "AppUpdated", "True", &["All expected workloads are updated successfully"]).await?;

    estate.deploy(&set.tag("v2"), 2).await?;
    let child = estate.child("db", &estate.pools[0]).await?;
    assert_eq!(container(&child, "image"), &json!(AppSet::image_of("db", "v2")));
    estate.quiet(A_WHILE).await.map(drop)
}
