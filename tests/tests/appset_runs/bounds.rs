//! `unit.maxUnavailablePerPool`: no budget of the run, but the bound of each workload's own rolling update.

use anyhow::{Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::{Value, json};

use super::WEB;
use super::bed::{Scenario, scenario};

/// A strategy without waves, with this bound.
fn bounded(most: &Value) -> Value {
    json!({"waves": [], "unit": {"maxUnavailablePerPool": most}})
}

/// What each pool's workload has at this place of its spec.
async fn specs(scenario: &Scenario<'_>, pointer: &str) -> Result<Vec<Value>> {
    let children = scenario.estate.children(WEB).await?;
    Ok(children.values().map(|child| child["spec"].pointer(pointer).cloned().unwrap_or_default()).collect())
}

#[tokio::test]
async fn it_becomes_that_of_deployments_and_its_change_alone_restarts_nothing() -> Result<()> {
    let scenario = scenario("bounded", 2).await?;
    scenario.tell_strategy(&bounded(&json!(1))).await?;
    // What the user says beside it stays.
    let web = scenario.web_in_waves().replicas(3);
    let web = web.template("/spec/strategy", json!({"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 3}}));
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let update =
        |most: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": most}});
    assert_eq!(specs(&scenario, "/strategy").await?, [update(json!(1)), update(json!(1))]);
    let before = scenario.estate.pods(WEB).await?;

    // The next run has the strategy as it is then: other bounds, and no other pods.
    scenario.tell_strategy(&bounded(&json!("50%"))).await?;
    scenario.estate.apply(&web.clone().replicas(4)).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    assert_eq!(specs(&scenario, "/strategy").await?, [update(json!("50%")), update(json!("50%"))]);
    let now = scenario.estate.pods(WEB).await?;
    ensure!(before.iter().all(|(pool, pods)| now[pool].is_superset(pods)), "{before:?} became {now:?}");

    // Without it the user's own counts again.
    scenario.tell_strategy(&json!({"waves": []})).await?;
    scenario.estate.apply(&web).await?;
    scenario.await_phase(3, Phase::Completed).await?;
    assert_eq!(specs(&scenario, "/strategy").await?, [update(json!(3)), update(json!(3))]);
    scenario.estate.await_settled(WEB, 2).await?;
    let verdict = scenario.finish().await?;
    ensure!(verdict.restarts.is_empty(), "{:?}", verdict.restarts);
    Ok(())
}

/// Kubernetes 1.36 drops the field unless a feature gate is on: what it does not keep is not sent again and again.
#[tokio::test]
async fn stateful_sets_have_it_only_where_the_api_server_keeps_it() -> Result<()> {
    let scenario = scenario("bounded-stateful", 2).await?;
    scenario.tell_strategy(&bounded(&json!(1))).await?;
    let web = scenario.web_in_waves().stateful().replicas(2);
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.estate.apply(&web.tag("v2")).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    scenario.stays_in("v2", 1..=2).await?;
    let kept = specs(&scenario, "/updateStrategy/rollingUpdate/maxUnavailable").await?;
    assert_eq!(kept, [Value::Null, Value::Null]);
    scenario.estate.await_settled(WEB, 2).await?;
    let verdict = scenario.finish().await?;
    ensure!(verdict.restarts.values().all(|count| *count == 1), "each pool once: {verdict}");
    Ok(())
}
