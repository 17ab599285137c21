//! Strategies that are not there, and revisions that come while one is on its way.

use anyhow::{Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::json;

use super::bed::scenario;
use super::{STRATEGY, WEB, waves};

#[tokio::test]
async fn a_strategy_that_is_missing_holds_the_run_until_it_is_there() -> Result<()> {
    let scenario = scenario("missing", 3).await?;
    let web = scenario.web();
    scenario.estate.deploy(&web, 3).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.estate.apply(&scenario.web_in_waves().tag("v2")).await?;
    let sentence = scenario.await_hold(2, "InvalidStrategy").await?;
    ensure!(sentence.contains(STRATEGY), "{sentence}");
    scenario.stays_in("v2", []).await?;
    scenario.tell_strategy(&waves(&json!([{"name": "canary", "pools": scenario.pools([2])}]))).await?;
    let status = scenario.await_phase(2, Phase::Completed).await?;
    assert_eq!(status.waves.iter().map(|wave| wave.name.as_str()).collect::<Vec<_>>(), ["canary", "rest"]);
    scenario.estate.await_settled(WEB, 3).await?;
    let verdict = scenario.finish().await?;
    let revision = scenario.run(2).await?.spec.revision.name;
    ensure!(verdict.order_of(WEB, &revision)[0] == scenario.pool(2), "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_revision_in_the_middle_of_a_wave_is_superseded_at_once() -> Result<()> {
    let scenario = scenario("superseded", 6).await?;
    let strategy = json!([{"name": "canary", "pools": scenario.pools(1..=2), "soakSeconds": 3_600}]);
    let web = scenario.web();
    scenario.estate.deploy(&web, 6).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.tell_strategy(&waves(&strategy)).await?;
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web.clone().tag("v2")).await?;
    scenario.await_phase(2, Phase::Soaking).await?;
    // Nobody but the canary ever gets the second one.
    scenario.estate.apply(&web.tag("v3")).await?;
    scenario.await_phase(3, Phase::Soaking).await?;
    scenario.await_phase(2, Phase::Superseded).await?;
    scenario.stays_in("v3", 1..=2).await?;
    scenario.tell_run(&json!({"promotedThrough": "canary"})).await?;
    scenario.await_phase(3, Phase::Completed).await?;
    scenario.estate.await_settled(WEB, 6).await?;
    let verdict = scenario.finish().await?;
    let second = scenario.run(2).await?.spec.revision.name;
    let mut pools = verdict.order_of(WEB, &second);
    pools.sort_unstable();
    ensure!(pools == scenario.pools(1..=2), "{verdict}");
    Ok(())
}
