//! What the API server would refuse is found out before anything is changed.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tests::fixture::{AppSet, Estate, says};

use super::{A_WHILE, container, estate, has};

/// Patches in these pools.
fn add(pools: &[&String], path: &str, value: &Value) -> Value {
    json!({"pools": pools, "tweaks": {"patches": [{"operation": "add", "path": path, "value": value}]}})
}

const VOLUMES: &str = "/spec/template/spec/volumes";

/// What the workloads are, but for what Kubernetes counts.
async fn specs(estate: &Estate<'_>) -> Result<Vec<(Value, Value)>> {
    let children = estate.children("web").await?.into_values();
    Ok(children.map(|child| (child["metadata"]["uid"].clone(), child["metadata"]["generation"].clone())).collect())
}

/// There each tweak is judged alone, and what is wrong with two of them together shows when the children cannot be written.
#[tokio::test]
async fn item_16_tweaks_that_only_together_are_wrong_hold_every_pool_and_each_says_why() -> Result<()> {
    let estate = estate("together", 3).await?;
    let [one, other, both] = [&estate.pools[0], &estate.pools[1], &estate.pools[2]];
    let set = estate.app_set("web");
    let first = estate.deploy(&set, 3).await?;
    let before = specs(&estate).await?;
    let set = set.tag("v2");
    let ports = json!([{"containerPort": 80, "hostPort": 8080}]);
    let network = add(&[one, both], "/spec/template/spec/hostNetwork", &json!(true));
    let wrong = set.clone().tweak(network).tweak(add(&[other, both], "/spec/template/spec/containers/0/ports", &ports));
    estate.apply(&wrong).await?;
    let words = [
        "UpdateWorkloadError",
        "together-pool-3: ",
        "spec.template.spec.containers[0].ports[0].hostPort: Invalid value: 8080: must match `containerPort`",
        "together-pool-1, together-pool-2: waits because the revision is refused in pool together-pool-3",
    ];
    let held = estate.await_condition("web", "AppUpdated", "False", &words).await?;
    assert_eq!(held["status"]["currentRevision"], first["status"]["currentRevision"], "it is no revision of anything");
    assert_eq!((&held["status"]["readyWorkloads"], &held["status"]["updatedWorkloads"]), (&json!(3), &json!(3)));
    estate.await_event("web", "Failed UpdateWorkload", "ports[0].hostPort").await?;
    estate.quiet(A_WHILE).await?;
    assert_eq!(specs(&estate).await?, before);
    assert_eq!(estate.revisions("web").await?.len(), 1);

    // Two volumes of one name: the API server calls that an error of its own.
    let volume = |medium: &str| json!({"name": "data", "emptyDir": {"medium": medium}});
    let twice = set.clone().tweak(add(&[one, other, both], VOLUMES, &json!([volume("")])));
    estate.apply(&twice.tweak(add(&[both], &format!("{VOLUMES}/-"), &volume("Memory")))).await?;
    let words = ["UpdateWorkloadError", "together-pool-3: ", "duplicate entries for key [name=\"data\"]"];
    estate.await_condition("web", "AppUpdated", "False", &words).await?;
    assert_eq!(specs(&estate).await?, before);

    estate.deploy(&set, 3).await?;
    for pool in &estate.pools {
        assert_eq!(container(&estate.child("web", pool).await?, "image"), &json!(AppSet::image_of("web", "v2")));
    }
    Ok(())
}

/// There a change of what cannot be changed passes, and then every write of every workload fails for ever. A pool whose workload cannot
/// be made, here by a quota, is no reason for the others to wait, nor does it say whether they can be changed.
#[tokio::test]
async fn item_16_a_change_of_what_cannot_be_changed_is_said_in_the_api_servers_words() -> Result<()> {
    let estate = estate("fixed", 3).await?;
    let [unmade, others @ ..] = &estate.pools[..] else { bail!("pools: {:?}", estate.pools) };
    let few = AppSet::new(&estate.namespace, "web").in_pools(&others.iter().map(String::as_str).collect::<Vec<_>>());
    let first = estate.deploy(&few, 2).await?["status"]["currentRevision"].take();
    estate.limit("count/deployments.apps", 2).await?;
    let set = estate.app_set("web").tag("v2");
    estate.apply(&set).await?;
    let words = ["CreateWorkloadError", unmade, "exceeded quota"];
    let updated = |set: &Value| {
        let status = &set["status"];
        says(set, "AppDispatched", "False", &words)
            && status["currentRevision"] != first
            && status["updatedWorkloads"] == 2
    };
    estate.await_set("web", "two pools of the new revision and one without", updated).await?;
    let before = specs(&estate).await?;
    let moved = set.clone().template("/spec/selector/matchLabels/more", json!("x"));
    estate.apply(&moved.template("/spec/template/metadata/labels/more", json!("x"))).await?;
    estate
        .await_condition("web", "AppUpdated", "False", &["UpdateWorkloadError", "spec.selector", "field is immutable"])
        .await?;
    estate.quiet(A_WHILE / 2).await?;
    assert_eq!(specs(&estate).await?, before);
    estate.lift_limit().await?;
    estate.deploy(&set.tag("v3"), 3).await?;
    Ok(())
}

/// There labels and metadata of the workload cannot be patched: the webhook tries each patch on an object without any.
#[tokio::test]
async fn item_16_patches_of_metadata_and_of_the_pools_labels_are_taken() -> Result<()> {
    let estate = estate("metadata", 1).await?;
    let patches = json!([
        {"operation": "add", "path": "/metadata/labels/x", "value": "y"},
        {"operation": "replace", "path": "/metadata/labels/app", "value": "renamed"},
        {"operation": "add", "path": "/metadata/annotations/z", "value": "{{nodepool-name}}"},
        {"operation": "add", "path": "/spec/template/metadata/labels/w", "value": "v"},
    ]);
    let mut tweak = json!({"nodepoolSelector": {}, "tweaks": {}});
    tweak["tweaks"]["patches"] = patches;
    estate.deploy(&estate.app_set("web").tweak(tweak), 1).await?;
    let child = estate.child("web", &estate.pools[0]).await?;
    let metadata = &child["metadata"];
    assert_eq!((&metadata["labels"]["x"], &metadata["labels"]["app"]), (&json!("y"), &json!("renamed")));
    assert_eq!(metadata["annotations"]["z"], json!(estate.pools[0]));
    assert_eq!(child["spec"]["template"]["metadata"]["labels"]["w"], "v");
    Ok(())
}

/// Before there is any workload.
#[tokio::test]
async fn a_first_revision_that_is_refused_makes_nothing_and_says_so() -> Result<()> {
    let estate = estate("first", 2).await?;
    let set = estate.app_set("web");
    let odd = json!({"containerPort": 99_999});
    estate.apply(&set.clone().template("/spec/template/spec/containers/0/ports", json!([odd]))).await?;
    let words = ["CreateWorkloadError", "spec.template.spec.containers[0].ports[0].containerPort", "99999"];
    let held = estate.await_condition("web", "AppDispatched", "False", &words).await?;
    has(&held["status"].to_string(), &["first-pool-1, first-pool-2: "]);
    assert_eq!((estate.workloads("web").await?.len(), estate.revisions("web").await?.len()), (0, 0));
    estate.await_condition("web", "AppReady", "False", &["NoWorkloadFound"]).await?;
    estate.deploy(&set, 2).await?;
    Ok(())
}
