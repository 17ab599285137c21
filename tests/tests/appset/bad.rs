//! Objects that are odd: a condition and an event name the field, and nothing crashes. What Drover's own definition refuses is in
//! `definition`; what only OpenYurt's lets pass in `openyurt`.

use anyhow::Result;
use api::names::app_set as names;
use serde_json::{Value, json};

use super::{A_WHILE, estate, has, refusal};

/// There it ends the process, again at every start.
#[tokio::test]
async fn item_6_a_selector_of_match_expressions_alone_is_fine() -> Result<()> {
    let estate = estate("expressions", 2).await?;
    let expressions = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]});
    estate.deploy(&estate.app_set("web").template("/spec/selector", expressions.clone()), 2).await?;
    let child = estate.child("web", &estate.pools[0]).await?;
    assert_eq!(child["spec"]["selector"]["matchExpressions"], expressions["matchExpressions"]);
    assert_eq!(child["spec"]["selector"]["matchLabels"], json!({names::POOL_NAME: estate.pools[0]}));
    Ok(())
}

#[tokio::test]
async fn a_patch_that_does_not_apply_is_named_by_its_path_and_holds_the_revision() -> Result<()> {
    let estate = estate("paths", 2).await?;
    let set = estate.app_set("web");
    estate.deploy(&set, 2).await?;
    let pool = &estate.pools[1];
    let nothing = json!({"pools": [pool], "tweaks": {"patches": [{"operation": "remove", "path": "/spec/nothing"}]}});
    estate.apply(&set.clone().tag("v2").tweak(json!({"tweaks": {"replicas": 1}})).tweak(nothing)).await?;
    let why = format!(
        "spec.workload.workloadTweaks[1].tweaks.patches[0]: remove at \"/spec/nothing\" does not apply in pool {pool}"
    );
    let others = format!("waits because the revision is refused in pool {pool}");
    estate.await_condition("web", "AppUpdated", "False", &["UpdateWorkloadError", &why, &others]).await?;
    estate.await_event("web", "Failed UpdateWorkload", "spec.workload.workloadTweaks[1].tweaks.patches[0]").await?;
    estate.quiet(A_WHILE / 2).await?;
    estate.deploy(&set.tag("v2"), 2).await?;
    Ok(())
}

/// There the name of the revision and that of the pool become labels, however long they are, and every write fails.
#[tokio::test]
async fn item_14_long_names_work_as_long_as_they_can_and_are_said_when_they_cannot() -> Result<()> {
    let mut estate = estate("long", 1).await?;
    let pool = "p".repeat(63);
    estate.add_pool(&pool).await?;
    let name = "s".repeat(63);
    for set in [estate.app_set(&name), estate.app_set("db").stateful()] {
        estate.deploy(&set, 2).await?;
        let set = estate.read(set.name()).await?;
        let revision = set["status"]["currentRevision"].as_str().unwrap_or_default();
        assert!(revision.len() <= 63, "{revision}");
    }
    // What no label's value can be is refused at once, and where OpenYurt's definition lets it pass it is said (`openyurt`).
    let said = refusal(estate.apply(&estate.app_set(&"s".repeat(64))).await)?;
    has(&said, &["metadata.name must have at most 63 characters", "apps.openyurt.io/ref-yurtappset"]);
    let label = |length: usize| {
        let value = "x".repeat(length);
        let at = "/spec/template/metadata/labels/site";
        json!({"nodepoolSelector": {}, "tweaks": {"patches": [{"operation": "add", "path": at, "value": value}]}})
    };
    let set = estate.app_set("web");
    estate.apply(&set.clone().tweak(label(64))).await?;
    let words = ["CreateWorkloadError", "spec.template.metadata.labels[site]", "has 64 characters"];
    estate.await_condition("web", "AppDispatched", "False", &words).await?;
    estate.deploy(&set.tweak(label(63)), 2).await?;
    Ok(())
}

/// As many names as the definition allows, of pools that are not there but for one.
#[tokio::test]
async fn ten_thousand_pools_are_read_and_said_in_bounded_words() -> Result<()> {
    let estate = estate("many", 1).await?;
    let mut pools: Vec<String> = (0..9_999).map(|index| format!("nowhere-{index:04}")).collect();
    pools.push(estate.pools[0].clone());
    let pools: Vec<&str> = pools.iter().map(String::as_str).collect();
    let set = tests::fixture::AppSet::new(&estate.namespace, "web").in_pools(&pools);
    let set = estate.deploy(&set, 1).await?;
    let found = &tests::fixture::condition(&set, "PoolFound")["message"];
    has(
        &found.to_string(),
        &["There are 1 matched nodepools: [many-pool-1]", "there is no NodePool nowhere-0000", "and 9989 more"],
    );
    assert!(found.as_str().map_or(0, str::len) < 2_000);
    estate.quiet(A_WHILE).await.map(drop)
}

/// A workload that no API server would take, in any pool: what Drover cannot even read of it is named too.
#[tokio::test]
async fn a_template_that_is_no_workload_is_said() -> Result<()> {
    let estate = estate("shapes", 1).await?;
    for (name, pointer, value, words) in [
        ("selector", "/spec/selector", Value::Null, "spec.selector of the workload: null is not a label selector"),
        ("template", "/spec/template", json!("x"), "spec.template of the workload: \"x\" is not an object"),
        (
            "labels",
            "/metadata/labels",
            json!({"a": 1}),
            "spec.workload.workloadTemplate.deploymentTemplate.metadata.labels[a]: 1",
        ),
        // Taken as it is, 1,215,752,191 pods in each pool.
        (
            "replicas",
            "/spec/replicas",
            json!(99_999_999_999_i64),
            "spec.replicas of the workload: 99999999999 is not an integer of 0 to 2147483647",
        ),
        // The API server calls that an error of its own.
        ("seconds", "/spec/minReadySeconds", json!(1.5), "failed to convert new object"),
    ] {
        estate.apply(&estate.app_set(name).template(pointer, value)).await?;
        estate.await_condition(name, "AppDispatched", "False", &["CreateWorkloadError", words]).await?;
        assert_eq!(estate.workloads(name).await?.len(), 0);
    }
    Ok(())
}
