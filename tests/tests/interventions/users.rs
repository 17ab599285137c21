//! What users do to a run with kubectl.

use anyhow::{Context as _, Result};
use api::fleet_rollout::{FleetRollout, Phase};
use api::names;
use kube::ResourceExt as _;
use serde_json::json;
use tests::fixture::{Scene, eventually};

use super::{LONG, await_status, bed, stands_still};

#[tokio::test]
async fn a_run_is_paused_resumed_and_aborted() -> Result<()> {
    let scene = bed().await?.scene("paused", 12, 2).await?;
    // One after the other: kubectl takes its time on a busy machine, and must not come when all is done.
    let agent = scene.deploy("agent", "1").await?;
    agent.release("v2").await?;
    await_status(&scene, "agent", 2, "the first units of v2", |status| status.units.updated >= 2).await?;

    desire(&scene, "Paused").await?;
    scene.await_phase("agent", 2, Phase::Paused, LONG).await?;
    let paused = stands_still(&scene, &agent, 12).await?;
    assert_eq!(paused.phase, Phase::Paused);
    assert!(paused.units.updated < 12, "{:?}", paused.units);

    desire(&scene, "Running").await?;
    let more = paused.units.updated + 1;
    await_status(&scene, "agent", 2, "one unit more", |status| status.units.updated >= more).await?;

    desire(&scene, "Aborted").await?;
    scene.await_phase("agent", 2, Phase::Aborted, LONG).await?;
    let aborted = stands_still(&scene, &agent, 12).await?;
    assert!(aborted.phase == Phase::Aborted && aborted.units.updated < 12, "{:?}", aborted.units);

    // The next revision is another run.
    agent.annotate(names::MAX_UNAVAILABLE, Some("50%")).await?;
    agent.release("v3").await?;
    let status = scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    assert_eq!(status.units.settled, 12);
    let aborted = scene.runs("agent").await?.into_iter().find(|run| run.spec.revision.number == 2);
    let phase = aborted.and_then(|run| run.status).map(|status| status.phase);
    assert_eq!(phase, Some(Phase::Superseded));
    scene.finish_done().await.map(drop)
}

#[tokio::test]
async fn a_run_whose_object_somebody_deletes_goes_on_and_gets_another() -> Result<()> {
    let scene = bed().await?.scene("run-deleted", 8, 2).await?;
    let agent = scene.deploy("agent", "2").await?;
    agent.release("v2").await?;
    await_status(&scene, "agent", 2, "the first units of v2", |status| status.units.updated >= 2).await?;
    let old = run(&scene).await?;
    kubectl(&scene, &["delete", "fleetrollout", &old.name_any()]).await?;
    let new = eventually("another object of the run", LONG, async || {
        Ok(scene.runs("agent").await?.pop().filter(|new| new.spec.revision.number == 2 && new.uid() != old.uid()))
    })
    .await?;
    assert_eq!((new.name_any(), &new.spec), (old.name_any(), &old.spec));
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.settled, status.units.uncontrolled), (8, 0), "what was done before is remembered");
    let verdict = scene.finish_done().await?;
    assert!(verdict.deletes == 8 && verdict.restarts.len() == 8, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn what_is_fixed_in_a_run_cannot_be_edited() -> Result<()> {
    let scene = bed().await?.scene("fixed", 1, 1).await?;
    scene.deploy("agent", "1").await?;
    let name = run(&scene).await?.name_any();
    for (change, words) in [
        (json!({"revision": {"name": "other", "number": 7}}), "spec.revision"),
        (json!({"strategy": {"slowStart": "None"}}), "spec.strategy"),
        (json!({"desiredState": "Sleeping"}), "spec.desiredState"),
    ] {
        let patch = json!({ "spec": change }).to_string();
        let refused = kubectl(&scene, &["patch", "fleetrollout", &name, "--type=merge", "--patch", &patch]).await;
        let error = format!("{:#}", refused.err().with_context(|| format!("{patch} was accepted"))?);
        assert!(error.contains(words), "{error} names {words}");
    }
    Ok(())
}

async fn desire(scene: &Scene<'_>, state: &str) -> Result<()> {
    let name = run(scene).await?.name_any();
    let patch = json!({"spec": {"desiredState": state}}).to_string();
    kubectl(scene, &["patch", "fleetrollout", &name, "--type=merge", "--patch", &patch]).await
}

async fn run(scene: &Scene<'_>) -> Result<FleetRollout> {
    scene.runs("agent").await?.pop().context("no run yet")
}

async fn kubectl(scene: &Scene<'_>, args: &[&str]) -> Result<()> {
    let args = [&["--namespace", scene.namespace.as_str()], args].concat();
    scene.bed.cluster.kubectl(&args).await.map(drop)
}
