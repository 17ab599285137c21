//! Fleets most of which cannot be reached.

use anyhow::Result;
use api::fleet_rollout::Phase;
use api::names;
use serde_json::{Value, json};
use tests::fixture::Scene;

use super::{
    A_WHILE, LONG, STRATEGY, await_hold, await_status, deploy, nodes_with, pools, run, scene, set, tell_strategy, wave,
};

/// Longer than a healthy unit takes on a slow machine.
const DEADLINE: u32 = 30;

/// A canary of two nodes, then the rest.
fn with_canary(scene: &Scene<'_>, on_inconclusive: &str) -> Value {
    json!({
        "maxUnavailable": "50%",
        "waves": [{"name": "canary", "pools": pools(scene, [1]), "onInconclusive": on_inconclusive}],
        "unit": {"progressDeadlineSeconds": DEADLINE},
    })
}

#[tokio::test]
async fn a_wave_that_is_away_as_a_whole_holds_the_run_or_is_passed_over_as_its_strategy_says() -> Result<()> {
    let scene = scene("inconclusive", 8, 4).await?;
    let agent = deploy(&scene, "50%", &with_canary(&scene, "Hold")).await?;
    let canary = &scene.nodes[..2];
    scene.fleet().not_ready(canary, true).await?;
    await_status(&scene, 1, "the canary to be away", |status| status.units.offline == 2).await?;
    agent.release("v2").await?;
    await_hold(&scene, 2, "Inconclusive").await?;
    assert_eq!(scene.no_more_deletes(A_WHILE).await?, 0);

    tell_strategy(&scene, &with_canary(&scene, "Proceed")).await?;
    agent.release("v3").await?;
    let status = scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    assert_eq!((status.units.settled, status.units.offline), (6, 2));
    assert!(wave(&status, "canary")?.inconclusive, "{status:?}");
    assert_eq!(nodes_with(&agent, "v3").await?, set(&scene.nodes[2..]));
    assert_eq!(run(&scene, 2).await?.status.map(|status| status.phase), Some(Phase::Superseded));

    scene.fleet().not_ready(canary, false).await?;
    agent.await_ready("v3", 8, LONG).await?;
    await_status(&scene, 3, "the canary to have settled", |status| status.units.settled == 8).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 8, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn ninety_of_a_hundred_nodes_away_leave_one_slot_of_ten_per_cent() -> Result<()> {
    let scene = scene("mostly-away", 100, 10).await?;
    let strategy = json!({"maxUnavailable": "10%", "slowStart": "None"});
    tell_strategy(&scene, &strategy).await?;
    let agent = scene.daemon_set("agent", "10%").annotation(names::STRATEGY, STRATEGY).apply(&scene.client).await?;
    agent.await_ready("v1", 100, LONG).await?;
    scene.await_phase("agent", 1, Phase::Completed, LONG).await?;
    // One of each pool stays.
    let away: Vec<&String> =
        scene.nodes.iter().enumerate().filter(|(at, _)| at % 10 != 0).map(|(_, node)| node).collect();
    scene.fleet().not_ready(&away, true).await?;
    await_status(&scene, 1, "ninety nodes to be away", |status| status.units.offline == 90).await?;
    agent.release("v2").await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.updated, status.units.settled, status.units.offline), (10, 10, 90));
    let verdict = scene.finish_done().await?;
    assert_eq!((verdict.deletes, verdict.most_started), (10, 1), "{verdict}");
    Ok(())
}
