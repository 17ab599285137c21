//! Two controllers, of which one acts: when it dies in the middle, the other goes on where it was.

use anyhow::{Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::json;

use super::bed::short_lived;
use super::kills::MORTAL;
use super::{LONG, WEB, waves};

#[tokio::test]
async fn the_other_one_goes_on_when_the_leader_dies() -> Result<()> {
    let (bed, _turn) = MORTAL.turn().await?;
    let first = bed.testbed.appset_controller(short_lived()).await?;
    first.process.await_line("leading", LONG).await?;
    let second = bed.testbed.appset_controller(short_lived()).await?;
    let scenario = bed.scenario("two", 6).await?;
    let one_by_one = json!([{"name": "all", "poolSelector": {}, "maxConcurrentPools": 1}]);
    scenario.tell_strategy(&waves(&one_by_one)).await?;
    let web = scenario.web_in_waves().pod_annotation("drover.dev/ready-after", "500ms");
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.estate.apply(&web.tag("v2")).await?;
    scenario.await_status(2, "its second pool", |status| status.units.settled >= 2).await?;
    first.process.kill9().await?;
    scenario.await_phase(2, Phase::Completed).await?;
    second.process.await_line("leading", LONG).await?;
    scenario.estate.await_settled(WEB, 6).await?;
    let verdict = scenario.finish().await?;
    ensure!(verdict.restarts.values().all(|count| *count == 1), "each pool once: {verdict}");
    ensure!(verdict.most_changing == 1, "{verdict}");
    scenario.estate.delete(WEB).await?;
    second.process.kill9().await?;
    Ok(())
}
