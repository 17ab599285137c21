//! Waves over pools: their order, what is between them, and how many pools change at once.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names::reason;
use jiff::Timestamp;
use serde_json::json;
use tests::checker::SetVerdict;

use super::bed::{Scenario, scenario};
use super::run::{states, wave};
use super::{WEB, waves};

/// How long the canary is watched, in seconds.
const SOAK: i64 = 4;

/// A canary that soaks, six shops two by two once somebody approved, then the other thirteen at once.
#[tokio::test]
async fn twenty_pools_in_three_waves() -> Result<()> {
    let scenario = scenario("twenty", 20).await?;
    for pool in scenario.pools(3..=8) {
        scenario.estate.label_pool(&pool, &json!({"tier": "shop"})).await?;
    }
    let strategy = waves(&json!([
        {"name": "canary", "pools": scenario.pools([20]), "soakSeconds": SOAK},
        {"name": "shops", "poolSelector": {"matchLabels": {"tier": "shop"}}, "maxConcurrentPools": 2, "approval": "BeforeWave"},
    ]));
    scenario.tell_strategy(&strategy).await?;
    let web = scenario.web_in_waves();
    // The first revision goes through the waves as well.
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Soaking).await?;
    ensure!(scenario.pools_with("v1").await? == scenario.pools([20]).into_iter().collect::<BTreeSet<_>>());
    scenario.tell_run(&json!({"promotedThrough": "canary"})).await?;
    scenario.approve(1).await?;
    scenario.await_phase(1, Phase::Completed).await?;

    scenario.estate.apply(&web.tag("v2").pod_annotation("drover.dev/ready-after", "500ms")).await?;
    let soaking = scenario.await_phase(2, Phase::Soaking).await?;
    let expected = [("canary", "Succeeded"), ("shops", "Waiting"), ("rest", "Waiting")];
    assert_eq!(states(&soaking), expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
    scenario.await_phase(2, Phase::AwaitingApproval).await?;
    scenario.stays_in("v2", [20]).await?;
    scenario.approve(2).await?;
    let status = scenario.await_phase(2, Phase::Completed).await?;
    assert_eq!((status.units.updated, status.units.settled, status.units.failed), (20, 20, 0));
    for reason in [reason::WAVE_OPENED, reason::WAVE_SUCCEEDED, reason::COMPLETED] {
        scenario.estate.await_event(WEB, reason, "").await?;
    }
    scenario.estate.await_settled(WEB, 20).await?;
    let verdict = scenario.finish().await?;
    let told = transcript(&scenario, &verdict, &status).await?;
    let golden = include_str!("twenty-pools.txt");
    ensure!(told == golden, "the transcript is\n{told}and not\n{golden}");
    ensure!(verdict.restarts.values().all(|count| *count == 1), "each pool once: {:?}", verdict.restarts);
    Ok(())
}

/// What happened in the run of revision 2, in order; what is done at once by name.
async fn transcript(scenario: &Scenario<'_>, verdict: &SetVerdict, status: &FleetRolloutStatus) -> Result<String> {
    let revision = scenario.run(2).await?.spec.revision.name;
    let short = |pool: &str| pool.trim_start_matches("twenty-").to_owned();
    let mut told = String::new();
    let mut before: Option<Timestamp> = None;
    for name in ["canary", "shops", "rest"] {
        let wave = wave(status, name)?;
        let opened = wave.opened.context("it never opened")?;
        let succeeded = wave.succeeded.context("it never succeeded")?;
        if let Some(before) = before {
            ensure!(before <= opened, "{name} opened {opened} before the one before it succeeded, {before}");
        }
        let soaked = before.map_or(0, |before| opened.duration_since(before).as_secs());
        let rested = if name == "shops" && soaked >= SOAK { ", after the soak and an approval" } else { "" };
        writeln!(told, "wave {name} opens{rested}")?;
        let started = verdict.starts.iter().filter(|start| start.set == WEB && start.revision == revision);
        let pools: BTreeSet<(usize, String)> = started
            .filter(|start| start.at >= opened && start.at <= succeeded)
            .map(|start| (start.pool.len(), short(&start.pool)))
            .collect();
        let pools: Vec<String> = pools.into_iter().map(|(_, pool)| pool).collect();
        writeln!(told, "  {} get the revision", pools.join(", "))?;
        writeln!(told, "wave {name} succeeded")?;
        before = Some(succeeded);
    }
    writeln!(told, "the run is {:?}", status.phase)?;
    Ok(told)
}

#[tokio::test]
async fn without_waves_all_pools_change_at_once() -> Result<()> {
    let scenario = scenario("parallel", 8).await?;
    let web = scenario.web().pod_annotation("drover.dev/ready-after", "5s");
    scenario.estate.deploy(&web, 8).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.estate.apply(&web.tag("v2")).await?;
    let status = scenario.await_phase(2, Phase::Completed).await?;
    assert_eq!((status.units.updated, status.units.settled), (8, 8));
    scenario.estate.await_settled(WEB, 8).await?;
    let verdict = scenario.finish().await?;
    ensure!(verdict.most_changing == 8, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn no_more_pools_at_once_than_the_wave_allows() -> Result<()> {
    let scenario = scenario("three-by-three", 9).await?;
    let all = waves(&json!([{"name": "all", "poolSelector": {}, "maxConcurrentPools": "30%"}]));
    scenario.tell_strategy(&all).await?;
    let web = scenario.web_in_waves().pod_annotation("drover.dev/ready-after", "2s");
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.estate.apply(&web.tag("v2")).await?;
    let status = scenario.await_phase(2, Phase::Completed).await?;
    assert_eq!(status.units.settled, 9);
    let verdict = scenario.finish().await?;
    ensure!(verdict.most_changing == 3, "30 % of nine are three: {verdict}");
    Ok(())
}
