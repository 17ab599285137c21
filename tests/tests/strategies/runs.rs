//! What of a run may change, and what may not.

use anyhow::Result;
use serde_json::{Value, json};

use super::{cluster, create, patch, read, refusal, run, says};

#[tokio::test]
async fn a_run_gets_its_strategy_once() -> Result<()> {
    let cluster = cluster().await?;
    create(cluster, &run("once", &json!({"strategyName": "mising"}))).await?;
    let change = async |spec: Value| patch(cluster, "fr/once", &json!({"spec": spec})).await;
    // Nothing of the strategy is filled in while there is none.
    assert!(read(cluster, "fr/once").await?["spec"].get("strategy").is_none());
    change(json!({"strategyName": "missing"})).await?;
    let strategy = json!({"waves": [{"name": "canary", "pools": ["lab"], "soakSeconds": 60}], "maxUnavailable": 5});
    change(json!({"strategyName": "found", "strategy": strategy})).await?;
    for (spec, words) in [
        (json!({"strategy": {"maxUnavailable": 6}}), ["spec.strategy", "cannot be changed: it is a snapshot"]),
        (json!({"strategy": {"maxUnavailable": null}}), ["spec.strategy", "cannot be changed: it is a snapshot"]),
        (json!({"strategy": {"waves": null}}), ["spec.strategy", "cannot be changed: it is a snapshot"]),
        (json!({"strategy": null}), ["spec.strategy", "cannot be changed: it is a snapshot"]),
        (json!({"strategyName": "other"}), ["spec.strategyName", "cannot be changed once strategy is set"]),
        (json!({"strategyName": null}), ["spec.strategyName", "cannot be changed once strategy is set"]),
    ] {
        says(&refusal(change(spec).await)?, &words);
    }
    change(json!({"strategy": strategy, "promotedThrough": "canary", "resumeToken": "t", "desiredState": "Paused"}))
        .await
}

#[tokio::test]
async fn what_a_run_is_about_it_stays_about() -> Result<()> {
    let cluster = cluster().await?;
    let failed = json!({"name": "agent-2", "number": 2});
    create(cluster, &run("fixed", &json!({"strategy": {}}))).await?;
    create(cluster, &run("back", &json!({"strategy": {}, "rollbackOf": failed}))).await?;
    for (name, spec, words) in [
        ("fixed", json!({"targetRef": {"name": "other"}}), ["spec.targetRef", "the run of one target"]),
        ("fixed", json!({"revision": {"number": 7}}), ["spec.revision", "the run of one revision"]),
        ("fixed", json!({"rollbackOf": failed}), ["spec.rollbackOf", "cannot be changed: it says why"]),
        ("fixed", json!({"strategy": {"slowStart": "None"}}), ["spec.strategy", "cannot be changed: it is a snapshot"]),
        ("fixed", json!({"desiredState": "Sleeping"}), ["spec.desiredState", "\"Running\", \"Paused\", \"Aborted\""]),
        ("fixed", json!({"promotedThrough": ""}), ["spec.promotedThrough", "at least 1 char"]),
        ("back", json!({"rollbackOf": {"number": 3}}), ["spec.rollbackOf", "cannot be changed: it says why"]),
        ("back", json!({"rollbackOf": null}), ["spec.rollbackOf", "cannot be changed: it says why"]),
    ] {
        says(&refusal(patch(cluster, &format!("fr/{name}"), &json!({"spec": spec})).await)?, &words);
    }
    Ok(())
}
