//! Workloads that somebody deletes while their run stands: they are made again as they were, which is no upgrade.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::{FleetRollout, Phase};
use kube::api::DeleteParams;
use serde_json::{Value, json};
use tests::fixture::eventually;

use super::bed::{Scenario, scenario};
use super::{MINUTE, WEB};

#[tokio::test]
async fn what_is_deleted_by_hand_is_made_again_as_it_was_while_the_run_is_paused_or_halted() -> Result<()> {
    let scenario = scenario("deleted", 4).await?;
    let canary = json!([{"name": "canary", "pools": scenario.pools([1]), "soakSeconds": 36_000}]);
    scenario.estate.deploy(&scenario.web(), 4).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.tell_strategy(&json!({"waves": canary})).await?;
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web.clone().tag("v2")).await?;
    scenario.await_phase(2, Phase::Soaking).await?;
    scenario.tell_run(&json!({"desiredState": "Paused"})).await?;
    scenario.await_phase(2, Phase::Paused).await?;
    for number in 1..=2 {
        remade(&scenario, number).await?;
    }
    scenario.stays_in("v2", [1]).await?;
    scenario.stays_in("v1", 2..=4).await?;
    run_again(&scenario, 2, Phase::Paused).await?;

    // The same while it is halted: what failed is what was there.
    let broken = web.clone().tag("broken").template("/spec/progressDeadlineSeconds", json!(3));
    scenario.estate.apply(&broken).await?;
    scenario.await_phase(3, Phase::Halted).await?;
    for number in [1, 3] {
        remade(&scenario, number).await?;
    }
    scenario.stays_in("broken", [1]).await?;
    scenario.stays_in("v1", 2..=4).await?;

    scenario.tell_strategy(&json!({"waves": []})).await?;
    scenario.estate.apply(&web.tag("v4")).await?;
    scenario.await_phase(4, Phase::Completed).await?;
    scenario.estate.await_settled(WEB, 4).await?;
    let verdict = scenario.finish().await?;
    ensure!(verdict.calls_of("delete deployments") == 0, "{verdict}");
    Ok(())
}

/// Deletes the run of a revision, and waits until there is another one that stands where it stood.
async fn run_again(scenario: &Scenario<'_>, number: i64, phase: Phase) -> Result<()> {
    let lost = scenario.run(number).await?.metadata;
    let runs = scenario.estate.objects("drover.dev/v1alpha1", "FleetRollout");
    let name = lost.name.as_deref().context("a run without a name")?;
    runs.delete(name, &DeleteParams::default()).await.context("deleting a run")?;
    eventually("the run to be there again", MINUTE, async || {
        let runs = scenario.runs().await?.into_iter();
        let again = |run: &FleetRollout| run.spec.revision.number == number && run.metadata.uid != lost.uid;
        let again = runs.filter(again).find(|run| run.status.as_ref().is_some_and(|status| status.phase == phase));
        Ok(again.map(drop))
    })
    .await
}

/// Deletes the workload of a pool, as `kubectl delete` does, and waits until there is another one.
async fn remade(scenario: &Scenario<'_>, number: u32) -> Result<()> {
    let pool = scenario.pool(number);
    let metadata = scenario.estate.child(WEB, &pool).await?["metadata"].take();
    let name = metadata["name"].as_str().context("a workload without a name")?;
    let deployments = scenario.estate.objects("apps/v1", "Deployment");
    deployments.delete(name, &DeleteParams::background()).await.context("deleting a Deployment")?;
    let is_another =
        |child: &Value| child["metadata"]["uid"].is_string() && child["metadata"]["uid"] != metadata["uid"];
    scenario.estate.await_child(WEB, &pool, "another workload", is_another).await.map(drop)
}
