//! Runs that wait for their user.

use anyhow::Result;
use api::fleet_rollout::{DesiredState, Phase};
use serde_json::json;

use super::{A_WHILE, LONG, await_status, deploy, nodes_with, pools, run, scene, set, states};

#[tokio::test]
async fn a_run_that_starts_paused_shows_its_waves_and_starts_nothing() -> Result<()> {
    let scene = scene("starts-paused", 6, 3).await?;
    let waves = json!([{"name": "canary", "pools": pools(&scene, [1])}]);
    let strategy = json!({"startPaused": true, "maxUnavailable": "50%", "waves": waves});
    // The first revision has nothing to start: it is not paused, or it would never be where a rollback leads to.
    let agent = deploy(&scene, "50%", &strategy).await?;
    agent.release("v2").await?;
    let status = scene.await_phase("agent", 2, Phase::Paused, LONG).await?;
    assert_eq!(run(&scene, 2).await?.spec.desired_state, DesiredState::Paused);
    let names: Vec<_> = states(&status).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["canary", "rest"]);
    assert_eq!(scene.no_more_deletes(A_WHILE).await?, 0);
    scene.tell_run("agent", &json!({"desiredState": "Running"})).await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    scene.finish_done().await.map(drop)
}

#[tokio::test]
async fn paused_between_waves_the_next_one_stays_closed() -> Result<()> {
    let scene = scene("paused-between", 9, 3).await?;
    let waves =
        json!([{"name": "canary", "pools": pools(&scene, [1])}, {"name": "second", "pools": pools(&scene, [2])}]);
    let agent = deploy(&scene, "1", &json!({"maxUnavailable": 1, "waves": waves})).await?;
    agent.release("v2").await?;
    await_status(&scene, 2, "the canary's first unit", |status| status.units.updated >= 1).await?;
    scene.tell_run("agent", &json!({"desiredState": "Paused"})).await?;
    scene.await_phase("agent", 2, Phase::Paused, LONG).await?;
    // What is under way goes on to its end; the wave may even succeed by that, and the next one does not open.
    await_status(&scene, 2, "nothing under way", |status| status.units.settled == status.units.updated).await?;
    scene.no_more_deletes(A_WHILE).await?;
    let before = nodes_with(&agent, "v2").await?;
    assert!(before.is_subset(&set(&scene.nodes[..3])), "{before:?}");
    scene.tell_run("agent", &json!({"desiredState": "Running"})).await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert!(verdict.deletes == 9 && verdict.most_started <= 1, "{verdict}");
    Ok(())
}
