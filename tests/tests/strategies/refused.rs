//! What a strategy must not be: refused with the field's path and what is allowed.

use anyhow::Result;
use serde_json::{Value, json};

use super::{cluster, create, refusal, says, strategy};

#[tokio::test]
async fn a_bad_strategy_is_refused_by_the_path_of_its_field() -> Result<()> {
    const AMOUNT: &str = "must be an integer from 0 to 2147483647 or a percentage from 0% to 100%, such as 5 or 10%";
    for (spec, words) in [
        (json!({"maxUnavailable": "101%"}), ["spec.maxUnavailable", AMOUNT]),
        (json!({"maxUnavailable": -1}), ["spec.maxUnavailable", AMOUNT]),
        (json!({"maxUnavailable": "ten"}), ["spec.maxUnavailable", AMOUNT]),
        (json!({"maxUnavailable": "10% of all nodes"}), ["spec.maxUnavailable", AMOUNT]),
        (json!({"maxUnavailable": 1.5}), ["spec.maxUnavailable", "integer"]),
        (json!({"slowStart": "Tripling"}), ["spec.slowStart", "\"Doubling\", \"None\""]),
        (json!({"startPaused": "yes"}), ["spec.startPaused", "boolean"]),
        (json!({"unit": {"maxUnavailablePerPool": "-1%"}}), ["spec.unit.maxUnavailablePerPool", AMOUNT]),
        (json!({"unit": {"progressDeadlineSeconds": 0}}), ["spec.unit.progressDeadlineSeconds", "equal to 1"]),
        (json!({"unit": {"minReadySeconds": 31_536_001}}), ["spec.unit.minReadySeconds", "31536000"]),
        (json!({"failurePolicy": {"maxFailures": "5 %"}}), ["spec.failurePolicy.maxFailures", AMOUNT]),
        (json!({"failurePolicy": {"minObserved": 0}}), ["spec.failurePolicy.minObserved", "equal to 1"]),
        (json!({"failurePolicy": {"action": "Retry"}}), ["spec.failurePolicy.action", "\"Pause\", \"Rollback\""]),
        (
            json!({"failurePolicy": {"nodeLoss": {"falseHaltPerMille": 501}}}),
            ["spec.failurePolicy.nodeLoss.falseHaltPerMille", "equal to 500"],
        ),
        (json!({"offline": {"catchUp": "Later"}}), ["spec.offline.catchUp", "\"Always\", \"InWindow\", \"Never\""]),
        (json!({"maxUnavailible": 1}), ["unknown field", "spec.maxUnavailible"]),
    ] {
        refused(&spec, &words).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_bad_wave_is_refused_by_the_path_of_its_field() -> Result<()> {
    for (wave, words) in [
        (json!({"pools": ["p"]}), ["spec.waves[1].name", "Required"]),
        (json!({"name": "", "pools": ["p"]}), ["spec.waves[1].name", "at least 1 char"]),
        (json!({"name": "Canary", "pools": ["p"]}), ["spec.waves[1].name", "[a-z0-9]"]),
        (json!({"name": "a.b", "pools": ["p"]}), ["spec.waves[1].name", "[a-z0-9]"]),
        (json!({"name": "w".repeat(64), "pools": ["p"]}), ["spec.waves[1].name", "63"]),
        (json!({"name": "rest", "pools": ["p"]}), ["spec.waves[1].name", "must not be rest: that is the last wave"]),
        (json!({"name": "first", "pools": ["p"]}), ["spec.waves", "must have different names"]),
        (json!({"name": "none"}), ["spec.waves[1].pools", "must choose pools: one of pools and poolSelector"]),
        (json!({"name": "none", "pools": []}), ["spec.waves[1].pools", "must choose pools"]),
        (json!({"name": "a", "pools": [""]}), ["spec.waves[1].pools[0]", "at least 1 char"]),
        (json!({"name": "a", "pools": ["p"], "maxPools": 0}), ["spec.waves[1].maxPools", "at least 1 or 1%"]),
        (json!({"name": "a", "pools": ["p"], "maxPools": "x"}), ["spec.waves[1].maxPools", "must be an integer"]),
        (
            json!({"name": "a", "pools": ["p"], "maxConcurrentPools": "0%"}),
            ["spec.waves[1].maxConcurrentPools", "at least 1 or 1%"],
        ),
        (json!({"name": "a", "pools": ["p"], "minUpdated": "110%"}), ["spec.waves[1].minUpdated", "0% to 100%"]),
        (
            json!({"name": "a", "pools": ["p"], "onInconclusive": "Skip"}),
            ["spec.waves[1].onInconclusive", "\"Hold\", \"Proceed\""],
        ),
        (json!({"name": "a", "pools": ["p"], "soakSeconds": -1}), ["spec.waves[1].soakSeconds", "equal to 0"]),
        (
            json!({"name": "a", "pools": ["p"], "approval": true}),
            ["spec.waves[1].approval", "\"None\", \"BeforeWave\", \"AfterWave\""],
        ),
    ] {
        let spec = json!({"waves": [{"name": "first", "pools": ["lab"]}, wave]});
        refused(&spec, &words).await?;
    }
    let wave = |at| json!({"name": format!("w{at}"), "pools": ["p"]});
    let many: Vec<Value> = (0..100).map(wave).collect();
    refused(&json!({"waves": many}), &["spec.waves", "must have at most 99 items"]).await
}

#[tokio::test]
async fn a_bad_selector_is_refused_by_the_path_of_its_field() -> Result<()> {
    let at = |field: &str| format!("spec.waves[0].poolSelector.{field}");
    for (selector, field, word) in [
        (json!({"matchLabels": {"a": "b c"}}), at("matchLabels.a"), "should match"),
        (json!({"matchLabels": {"a b": "c"}}), at("matchLabels"), "keys must be names such as tier"),
        (json!({"matchLabels": {"a": 1}}), at("matchLabels.a"), "string"),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}),
            at("matchExpressions[0].operator"),
            "\"In\", \"NotIn\", \"Exists\", \"DoesNotExist\"",
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
            at("matchExpressions[0].values"),
            "must have at least one value where operator is In or NotIn",
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": []}]}),
            at("matchExpressions[0].values"),
            "must have at least one value",
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}),
            at("matchExpressions[0].values"),
            "must be left out where operator is Exists or DoesNotExist",
        ),
        (
            json!({"matchExpressions": [{"key": "a b", "operator": "Exists"}]}),
            at("matchExpressions[0].key"),
            "should match",
        ),
        (json!({"matchExpressions": [{"operator": "Exists"}]}), at("matchExpressions[0].key"), "Required"),
    ] {
        refused(&json!({"waves": [{"name": "a", "poolSelector": selector}]}), &[&field, word]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_bad_window_or_dependency_is_refused_by_the_path_of_its_field() -> Result<()> {
    for (field, value, words) in [
        ("effect", json!("Forbid"), ["spec.windows[0].effect", "\"Allow\", \"Deny\""]),
        ("days", json!(["Saturday"]), ["spec.windows[0].days[0]", "\"Mon\", \"Tue\""]),
        ("start", json!("24:00"), ["spec.windows[0].start", "2[0-3]"]),
        ("start", json!("1:00"), ["spec.windows[0].start", "2[0-3]"]),
        ("start", json!(100), ["spec.windows[0].start", "string"]),
        ("durationSeconds", json!(59), ["spec.windows[0].durationSeconds", "equal to 60"]),
        ("durationSeconds", json!(604_801), ["spec.windows[0].durationSeconds", "equal to 604800"]),
        ("timeZone", json!("Europe Berlin"), ["spec.windows[0].timeZone", "should match"]),
        ("timeZone", Value::Null, ["spec.windows[0].timeZone", "Required"]),
    ] {
        let mut window = json!({"start": "01:00", "durationSeconds": 3600, "timeZone": "UTC"});
        window[field] = value;
        refused(&json!({"windows": [window]}), &words).await?;
    }
    for (field, value, words) in [
        (
            "kind",
            json!("Deployment"),
            ["spec.dependsOn[0].kind", "must be DaemonSet with apiVersion apps/v1, or YurtAppSet"],
        ),
        ("apiVersion", json!("apps/v1beta1"), ["spec.dependsOn[0].kind", "apps.openyurt.io/v1beta1"]),
        ("name", json!("Gateway"), ["spec.dependsOn[0].name", "should match"]),
        ("scope", json!("OtherPool"), ["spec.dependsOn[0].scope", "\"SamePool\", \"AllPools\""]),
    ] {
        let mut needed = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "gateway"});
        needed[field] = value;
        refused(&json!({"dependsOn": [needed]}), &words).await?;
    }
    Ok(())
}

async fn refused(spec: &Value, words: &[&str]) -> Result<()> {
    let created = create(cluster().await?, &strategy("bad", spec)).await;
    says(&refusal(created).map_err(|error| error.context(spec.to_string()))?, words);
    Ok(())
}
