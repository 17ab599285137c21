//! What Drover's definition of YurtAppSet refuses while no service runs, and what kubectl shows of one.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::fixture::{AppSet, eventually};

use super::{MINUTE, bed, estate, has, refusal};

async fn create(namespace: &str, object: &Value) -> Result<()> {
    let mut object = object.clone();
    object["metadata"]["namespace"] = json!(namespace);
    bed().await?.cluster.kubectl_with_input(&["create", "-f", "-"], &object.to_string()).await.map(drop)
}

/// There all of it passes the definition, and most of it the webhook.
#[tokio::test]
async fn what_is_wrong_is_refused_by_the_path_of_its_field() -> Result<()> {
    let namespace = estate("refused", 0).await?.namespace;
    let set = || AppSet::new("refused", "bad");
    let deployment = set().object()["spec"]["workload"]["workloadTemplate"]["deploymentTemplate"].clone();
    let tweak = |tweak: Value| set().tweak(tweak);
    let at = |field: &str| format!("spec.workload.{field}");
    let requirement =
        |requirement: Value| set().set("/spec/nodepoolSelector", json!({"matchExpressions": [requirement]}));
    let expressions = |field: &str| format!("spec.nodepoolSelector.matchExpressions[0].{field}");
    let template = "/spec/workload/workloadTemplate";
    for (set, field, words) in [
        (set().set("/spec/workload", Value::Null), "spec.workload".to_owned(), "Required"),
        (set().set(template, Value::Null), at("workloadTemplate"), "Required"),
        (set().set(template, json!({})), at("workloadTemplate"), "no workload template is configured"),
        (
            set().set(template, json!({"deploymentTemplate": deployment, "statefulSetTemplate": deployment})),
            at("workloadTemplate"),
            "only one workload template should be configured",
        ),
        (
            set().set(template, json!({"deploymentTemplate": {}})),
            at("workloadTemplate.deploymentTemplate.spec"),
            "Required",
        ),
        (
            set().set("/spec/revisionHistoryLimit", json!(-1)),
            "spec.revisionHistoryLimit".to_owned(),
            "greater than or equal to 0",
        ),
        (set().set("/spec/pools", json!(["Bad_Name"])), "spec.pools[0]".to_owned(), "should match"),
        (
            requirement(json!({"key": "a", "operator": "Near"})),
            expressions("operator"),
            "\"In\", \"NotIn\", \"Exists\", \"DoesNotExist\"",
        ),
        (requirement(json!({"key": "a", "operator": "In"})), expressions("values"), "at least one value"),
        (
            requirement(json!({"key": "a", "operator": "Exists", "values": ["b"]})),
            expressions("values"),
            "none for Exists",
        ),
        (tweak(json!({"pools": ["a"]})), at("workloadTweaks[0].tweaks"), "Required"),
        (
            tweak(json!({"tweaks": {"replicas": -1}})),
            at("workloadTweaks[0].tweaks.replicas"),
            "greater than or equal to 0",
        ),
        (
            tweak(json!({"tweaks": {"containerImages": [{"name": "main"}]}})),
            at("workloadTweaks[0].tweaks.containerImages[0].targetImage"),
            "Required",
        ),
        (
            tweak(json!({"tweaks": {"patches": [{"operation": "move", "path": "/spec"}]}})),
            at("workloadTweaks[0].tweaks.patches[0].operation"),
            "\"add\", \"remove\", \"replace\"",
        ),
        (
            tweak(json!({"tweaks": {"patches": [{"operation": "remove", "path": "spec"}]}})),
            at("workloadTweaks[0].tweaks.patches[0].path"),
            "should match",
        ),
        (set().set("/spec/workload/tweaks", json!([])), at("tweaks"), "unknown field"),
    ] {
        let said =
            refusal(create(&namespace, set.object()).await).map_err(|error| error.context(set.object().to_string()))?;
        has(&said, &[&field, words]);
    }
    Ok(())
}

#[tokio::test]
async fn the_kind_of_workload_cannot_be_changed() -> Result<()> {
    let estate = estate("kinds", 1).await?;
    let set = estate.app_set("web");
    estate.deploy(&set, 1).await?;
    let said = refusal(estate.apply(&set.clone().stateful()).await)?;
    has(&said, &["spec.workload.workloadTemplate", "the kind of workload template should not be changed"]);
    assert_eq!(estate.children("web").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn kubectl_shows_counts_and_explains_fields() -> Result<()> {
    let estate = estate("shown", 2).await?;
    estate.deploy(&estate.app_set("web"), 2).await?;
    let cluster = &bed().await?.cluster;
    let table = cluster.kubectl(&["get", "yas", "--namespace=shown"]).await?;
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().context("no header")?, ["NAME", "TOTAL", "READY", "UPDATED", "AGE"], "{table}");
    assert_eq!(lines.next().context("no row")?[..4], ["web", "2", "2", "2"], "{table}");
    let category = cluster.kubectl(&["get", "yurt", "--namespace=shown", "--output=name"]).await?;
    has(&category, &["yurtappset.apps.openyurt.io/web"]);
    for (field, words) in [
        ("yurtappsets", ["one application in many node pools", "tweaks"]),
        ("yurtappsets.spec.nodepoolSelector", ["by their labels", "every NodePool"]),
        ("yurtappsets.spec.workload.workloadTweaks", ["in this order", "A later one wins"]),
        ("yurtappsets.spec.revisionHistoryLimit", ["to go back to", "Default: 10"]),
        ("yurtappsets.status.updatedWorkloads", ["only pods of the current revision", "integer"]),
    ] {
        // The API server explains a kind some time after it took it.
        let text = eventually(field, MINUTE, async || Ok(cluster.kubectl(&["explain", field]).await.ok())).await?;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        has(&text, &words);
    }
    Ok(())
}
