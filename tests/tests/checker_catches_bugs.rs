//! Before the checker's silence means anything: six known bugs of a planner, each caught on a real cluster.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use serde_json::{Value, json};
use tests::checker::Rule;
use tests::fixture::{Pace, Scene, Testbed, UpdaterSpec, eventually};
use xtask::daemonsets::Daemon;

/// For whatever is to happen, on a machine that runs six clusters at once.
const LONG: Duration = Duration::from_mins(3);
/// By then the deleted pods are gone and replaced.
const LATER: Duration = Duration::from_secs(3);

#[tokio::test]
async fn one_start_above_the_budget_is_caught() -> Result<()> {
    caught("budget-off-by-one", "10%", Rule::Budget, async |_, _| Ok(())).await
}

#[tokio::test]
async fn starts_on_nodes_that_are_not_ready_are_caught() -> Result<()> {
    caught("not-ready-not-skipped", "20%", Rule::NotReady, half_away).await
}

#[tokio::test]
async fn a_budget_over_all_nodes_is_caught() -> Result<()> {
    caught("denominator-all-nodes", "20%", Rule::Denominator, half_away).await
}

#[tokio::test]
async fn deletions_without_a_uid_are_caught() -> Result<()> {
    caught("no-uid", "10%", Rule::NoUid, async |_, _| Ok(())).await
}

#[tokio::test]
async fn moving_to_a_superseded_revision_is_caught() -> Result<()> {
    // The bug sees a unit at the newest revision as one that must be moved, so there has to be one.
    caught("superseded-revision", "10%", Rule::AtNewest, async |scene, agent| {
        agent.release("v2").await?;
        eventually("the new template", LONG, async || {
            let set = agent.get().await?;
            Ok((set.status.unwrap_or_default().observed_generation == set.metadata.generation).then_some(()))
        })
        .await?;
        scene.delete_pods(agent, &[&scene.nodes[0]]).await?;
        agent.await_ready("v2", 1, LONG).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn waves_out_of_order_are_caught() -> Result<()> {
    let canary = json!({"name": "canary", "pools": ["waves-ignored-pool-1"], "maxUnavailable": "100%"});
    let strategy = json!({"maxUnavailable": "10%", "waves": [canary]});
    caught_with("waves-ignored", "10%", Some(&strategy), Rule::WaveOrder, async |_, _| Ok(())).await
}

/// [`caught_with`], without a strategy.
async fn caught(
    bug: &str,
    max_unavailable: &str,
    rule: Rule,
    prepare: impl AsyncFn(&Scene<'_>, &Daemon) -> Result<()>,
) -> Result<()> {
    caught_with(bug, max_unavailable, None, rule, prepare).await
}

/// Runs a release with the bug, after `prepare`, until the checker finds this rule broken, and that first; later news must not
/// excuse it. Sound updaters break none: every other suite ends with the same checker.
async fn caught_with(
    bug: &str,
    max_unavailable: &str,
    strategy: Option<&Value>,
    rule: Rule,
    prepare: impl AsyncFn(&Scene<'_>, &Daemon) -> Result<()>,
) -> Result<()> {
    let bed = Testbed::start(Pace::calm()).await?;
    let scene = bed.scene(bug, 20, 2).await?;
    let mut daemon_set = scene.daemon_set("agent", max_unavailable);
    if let Some(spec) = strategy {
        let metadata = json!({"name": "agent", "namespace": scene.namespace});
        let (version, kind) = ("drover.dev/v1alpha1", "RolloutStrategy");
        let strategy = json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec});
        bed.cluster.apply(&strategy.to_string()).await?;
        daemon_set = daemon_set.annotation(api::names::STRATEGY, "agent");
    }
    let agent = scene.launch(&daemon_set).await?;
    let sound = bed.updater(UpdaterSpec::default()).await?;
    scene.await_phase("agent", 1, Phase::Completed, LONG).await?;
    sound.process.terminate(LONG).await?;
    prepare(&scene, &agent).await?;
    assert!(scene.finish_open()?.violations.is_empty());

    let _buggy = bed.updater(UpdaterSpec::with_bug(bug)).await?;
    agent.release("v2").await?;
    let what = format!("the checker to find {rule:?} broken");
    let found = eventually(&what, LONG, async || {
        let verdict = scene.verdict()?;
        Ok(verdict.broken().contains(&rule).then_some(verdict))
    });
    let verdict = found.await.with_context(|| format!("{bug} passes as {}", scene.verdict().unwrap_or_default()))?;
    assert_eq!(verdict.violations[0].rule, rule, "{verdict}");
    tokio::time::sleep(LATER).await;
    let verdict = scene.verdict()?;
    assert!(verdict.broken().contains(&rule), "{bug} passes in the end as {verdict}");
    Ok(())
}

async fn half_away(scene: &Scene<'_>, _agent: &Daemon) -> Result<()> {
    let away = &scene.nodes[..10];
    scene.fleet().not_ready(away, true).await?;
    scene.fleet().await_ready(away, false, LONG).await
}
