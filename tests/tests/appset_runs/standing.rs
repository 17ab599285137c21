//! Runs that stand because nothing may be made of what is asked for: the last one says so.

use anyhow::{Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::json;
use tests::fixture::YurtManager;

use super::WEB;
use super::bed::{Scenario, scenario};

#[tokio::test]
async fn a_spec_that_is_refused_everywhere_is_told_by_the_last_run() -> Result<()> {
    let scenario = scenario("refused-run", 2).await?;
    let web = scenario.web();
    scenario.estate.deploy(&web, 2).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let nothing = json!({"operation": "remove", "path": "/spec/nothing"});
    let refused = json!({"pools": [scenario.pool(2)], "tweaks": {"patches": [nothing]}});
    scenario.estate.apply(&web.clone().tag("v2").tweak(refused)).await?;
    let sentence = scenario.await_hold(1, "RevisionRefused").await?;
    ensure!(sentence.contains("spec.workload.workloadTweaks[0].tweaks.patches[0]"), "{sentence}");
    scenario.stays_in("v1", 1..=2).await?;
    scenario.finish().await?;

    // It completed, whatever it said later: there a rollback would lead.
    scenario.estate.apply(&web.tag("v2")).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.estate.await_settled(WEB, 2).await?;
    scenario.finish().await.map(drop)
}

/// On a cluster on which nobody else's scenario is: all YurtAppSets wait meanwhile. The run of this revision has completed.
pub(crate) async fn beside_a_live_yurt_manager(scenario: &Scenario<'_>, revision: i64) -> Result<()> {
    let yurt_manager = YurtManager::start(scenario.bed.testbed.cluster.client()?).await?;
    let sentence = scenario.await_hold(revision, "OtherController").await?;
    ensure!(sentence.contains("kube-system/yurt-manager is alive"), "{sentence}");
    drop(yurt_manager);
    scenario.await_phase(revision, Phase::Completed).await.map(drop)
}
