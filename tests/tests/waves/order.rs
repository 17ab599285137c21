//! Waves go in their order, and what is promised between them is kept.

use anyhow::{Context as _, Result};
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names::reason;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use serde_json::json;
use xtask::daemonsets::Daemon;

use super::{LONG, await_status, deploy, nodes_with, pools, run, scene, set, states, wave};

/// How long the canary is watched, in seconds: long enough for what is looked at meanwhile, on a machine that may stand still for seconds.
const SOAK: i64 = 10;

#[tokio::test]
async fn a_canary_then_a_third_then_the_rest() -> Result<()> {
    let scene = scene("order", 20, 10).await?;
    let agent = deploy(
        &scene,
        "50%",
        &json!({
            "maxUnavailable": "50%",
            "waves": [
                {"name": "canary", "pools": pools(&scene, [10]), "soakSeconds": SOAK},
                {"name": "third", "poolSelector": {}, "maxPools": "30%"},
            ],
        }),
    )
    .await?;
    agent.release("v2").await?;
    let soaking = scene.await_phase("agent", 2, Phase::Soaking, LONG).await?;
    assert_eq!(soaking.wave.as_deref(), Some("canary"));
    let expected = [("canary", "Succeeded"), ("third", "Waiting"), ("rest", "Waiting")];
    assert_eq!(states(&soaking), expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
    assert_eq!(nodes_with(&agent, "v2").await?, set(&scene.nodes[18..]), "the canary has it, and nobody else");

    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.updated, status.units.settled), (20, 20));
    // By name: pool-1, pool-2 and so on, with pool-10 in the canary; 30 % of nine are three.
    assert_eq!(wave(&status, "third")?.pools, pools(&scene, [1, 2, 3]));
    let made = |nodes: &[String]| made_between(&agent, nodes.to_vec());
    let ((_, canary), (third, third_end), (rest, _)) =
        (made(&scene.nodes[18..]).await?, made(&scene.nodes[..6]).await?, made(&scene.nodes[6..18]).await?);
    assert!(third.duration_since(canary).as_secs() >= SOAK, "the third began {third}, the canary {canary}");
    assert!(rest >= third_end, "the rest began {rest}, before the third {third_end}");
    for reason in [reason::WAVE_OPENED, reason::WAVE_SUCCEEDED, reason::COMPLETED] {
        scene.await_event("agent", reason, LONG).await?;
    }
    let verdict = scene.finish_done().await?;
    assert_eq!((verdict.deletes, verdict.restarts.len()), (20, 20), "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_wave_soaks_from_its_success_on_the_newest_revision() -> Result<()> {
    let scene = scene("superseded", 8, 4).await?;
    let waves = json!([{"name": "canary", "pools": pools(&scene, [1]), "soakSeconds": SOAK}]);
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "waves": waves})).await?;
    agent.release("v2").await?;
    let first = scene.await_phase("agent", 2, Phase::Soaking, LONG).await?;
    // In the middle of the soak comes another revision: nobody else ever gets this one.
    agent.release("v3").await?;
    let second = scene.await_phase("agent", 3, Phase::Soaking, LONG).await?;
    let canary = set(&scene.nodes[..2]);
    assert_eq!(nodes_with(&agent, "v3").await?, canary);
    let status = scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    assert_eq!(run(&scene, 2).await?.status.map(|status| status.phase), Some(Phase::Superseded));

    let (_, canary_end) = made_between(&agent, scene.nodes[..2].to_vec()).await?;
    let (rest, _) = made_between(&agent, scene.nodes[2..].to_vec()).await?;
    assert!(rest.duration_since(canary_end).as_secs() >= SOAK, "the rest began {rest}, the canary ended {canary_end}");
    let succeeded = |status: &FleetRolloutStatus| wave(status, "canary").map(|wave| wave.succeeded);
    assert!(succeeded(&second)? > succeeded(&first)?, "the soak began anew");
    let opened = wave(&status, "rest")?.opened.context("the rest has opened")?;
    let soaked = opened.duration_since(succeeded(&second)?.context("the canary has succeeded")?);
    assert!(soaked >= SignedDuration::from_secs(SOAK), "it soaked for {soaked:#} only");
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 10, "twice the canary, once the others: {verdict}");
    Ok(())
}

#[tokio::test]
async fn a_promotion_skips_the_rest_of_the_soak() -> Result<()> {
    let scene = scene("promoted", 6, 3).await?;
    let waves = json!([
        {"name": "canary", "pools": pools(&scene, [1]), "soakSeconds": 3600},
        {"name": "second", "pools": pools(&scene, [2]), "soakSeconds": 3600},
    ]);
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "waves": waves})).await?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Soaking, LONG).await?;
    scene.tell_run("agent", &json!({"promotedThrough": "canary"})).await?;
    let second =
        |status: &FleetRolloutStatus| status.phase == Phase::Soaking && status.wave.as_deref() == Some("second");
    await_status(&scene, 2, "the second wave's soak", second).await?;
    assert_eq!(nodes_with(&agent, "v2").await?, set(&scene.nodes[..4]), "it promotes through one wave, not all");
    scene.tell_run("agent", &json!({"promotedThrough": "second"})).await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    scene.finish_done().await.map(drop)
}

#[tokio::test]
async fn a_mistyped_canary_is_told_with_the_first_revision() -> Result<()> {
    let scene = scene("mistyped", 2, 1).await?;
    let waves = json!([{"name": "canary", "pools": ["labb"]}]);
    deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "waves": waves})).await?;
    let event = scene.await_event("agent", reason::WAVE_EMPTY, LONG).await?;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    let note = event.note.context("an event without a note")?;
    assert!(note.contains("\"canary\"") && note.contains("labb"), "{note}");
    scene.finish_done().await.map(drop)
}

/// When the pods on these nodes were made: the first and the last, in whole seconds.
async fn made_between(agent: &Daemon, nodes: Vec<String>) -> Result<(Timestamp, Timestamp)> {
    let pods = agent.pods_by_node().await?;
    let made = nodes.iter().map(|node| {
        let pod = pods.get(node).with_context(|| format!("no pod on {node}"))?;
        Ok(pod.creation_timestamp().context("a pod without its time")?.0)
    });
    let made: Vec<Timestamp> = made.collect::<Result<_>>()?;
    Ok((*made.iter().min().context("no node")?, *made.iter().max().context("no node")?))
}
