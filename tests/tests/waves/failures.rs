//! A release that fails in its canary: the fleet never sees it, and where the strategy says so it is taken back.

use anyhow::{Context as _, Result};
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names::{self, reason};
use kube::ResourceExt as _;
use serde_json::{Value, json};
use tests::fixture::Scene;
use xtask::daemonsets::Daemon;

use super::{
    A_WHILE, LONG, await_requests, await_status, decide, deploy, history, kubectl, nodes_with, pools, run, scene, set,
    states,
};

/// A canary of two of twelve nodes, then the rest.
fn with_canary(scene: &Scene<'_>, action: &str) -> Value {
    json!({
        "maxUnavailable": "50%",
        "waves": [{"name": "canary", "pools": pools(scene, [1]), "soakSeconds": 1}],
        "failurePolicy": {"action": action},
    })
}

#[tokio::test]
async fn a_canary_that_fails_halts_and_nobody_else_is_touched() -> Result<()> {
    let scene = scene("bad-canary", 12, 6).await?;
    let agent = deploy(&scene, "50%", &with_canary(&scene, "Pause")).await?;
    let others = untouched(&scene, &agent).await?;
    agent.release("broken").await?;
    let status = scene.await_phase("agent", 2, Phase::Halted, LONG).await?;
    assert_halted_in_canary(&status)?;
    scene.await_event("agent", reason::HALTED, LONG).await?;
    assert!(scene.no_more_deletes(A_WHILE).await? <= 2);
    assert_eq!(untouched(&scene, &agent).await?, others);
    // A fixed release goes through the waves again.
    agent.release("v3").await?;
    scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    let verdict = scene.finish_done().await?;
    // The canary's first unit is enough; the second may have been under way.
    assert!((13..=14).contains(&verdict.deletes), "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_failed_release_is_taken_back_to_the_last_that_completed() -> Result<()> {
    let scene = scene("taken-back", 12, 6).await?;
    let agent = deploy(&scene, "50%", &with_canary(&scene, "Rollback")).await?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let others = untouched(&scene, &agent).await?;
    agent.release("broken").await?;
    let back = scene.await_phase("agent", 4, Phase::Completed, LONG).await?;
    assert_eq!((back.units.updated, back.units.settled, back.units.failed), (12, 12, 0), "{back:?}");

    let failed = scene.await_phase("agent", 3, Phase::RolledBack, LONG).await?;
    assert_halted_in_canary(&failed)?;
    let (failed, back) = (run(&scene, 3).await?, run(&scene, 4).await?);
    assert_eq!(back.spec.rollback_of.as_ref(), Some(&failed.spec.revision));
    assert_eq!(back.spec.revision.name, run(&scene, 2).await?.spec.revision.name, "back to v2, not to v1");
    assert_eq!(untouched(&scene, &agent).await?, others, "the others were never restarted");
    let daemon_set = agent.get().await?;
    let expected = format!("{}/3/{}", failed.spec.revision.name, back.spec.revision.name);
    assert_eq!(daemon_set.annotations().get(names::ROLLED_BACK), Some(&expected));
    let template = json!(daemon_set)["spec"]["template"].clone();
    assert_eq!(template["spec"]["containers"][0]["image"], "registry.local/agent:v2");
    let event = scene.await_event("agent", reason::ROLLED_BACK, LONG).await?;
    assert!(event.note.is_some_and(|note| note.contains("GitOps")));
    // What the user wrote into the DaemonSet beside the template stays.
    assert_eq!(daemon_set.annotations().get(names::STRATEGY).map(String::as_str), Some(super::STRATEGY));
    let verdict = scene.finish_done().await?;
    // v2 everywhere, then one unit of the canary or both there and back.
    assert!([14, 16].contains(&verdict.deletes), "{verdict}");
    assert_eq!(verdict.calls_of("patch daemonsets"), 1, "{verdict}");

    // Who undoes it (GitOps) restarts nothing, and is not undone in turn.
    agent.release("broken").await?;
    let status = scene.await_phase("agent", 5, Phase::Halted, LONG).await?;
    assert_eq!(status.halt.map(|halt| halt.reason).as_deref(), Some("Returned"));
    scene.no_more_deletes(A_WHILE).await?;
    assert_eq!(scene.finish_open()?.calls_of("patch daemonsets"), 1);
    assert_eq!(history(&scene).await?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn with_nothing_to_go_back_to_a_failed_release_halts() -> Result<()> {
    let scene = scene("nowhere-back", 12, 6).await?;
    let mut strategy = with_canary(&scene, "Rollback");
    strategy["waves"][0]["approval"] = json!("BeforeWave");
    let agent = deploy(&scene, "50%", &strategy).await?;
    agent.release("broken").await?;
    let request = await_requests(&scene, 2, 1).await?.remove(0);
    // Somebody tidies up what Kubernetes keeps for going back.
    let kept = run(&scene, 1).await?.spec.revision.name;
    kubectl(&scene, &["delete", "controllerrevision", &kept]).await?;
    decide(&scene, &request, "Approved").await?;
    let says_so = |status: &FleetRolloutStatus| {
        let mut messages = status.conditions.iter().map(|condition| &condition.message);
        status.phase == Phase::Halted && messages.any(|message| message.contains("no completed revision to go back to"))
    };
    let status = await_status(&scene, 2, "a halt that leads nowhere", says_so).await?;
    assert_halted_in_canary(&status)?;
    scene.no_more_deletes(A_WHILE).await?;
    let daemon_set = agent.get().await?;
    assert!(daemon_set.annotations().get(names::ROLLED_BACK).is_none());
    assert_eq!(json!(daemon_set)["spec"]["template"]["spec"]["containers"][0]["image"], "registry.local/agent:broken");
    let phases: Vec<_> = history(&scene).await?.into_iter().map(|(number, (phase, _))| (number, phase)).collect();
    assert_eq!(phases, [(1, Phase::Completed), (2, Phase::Halted)]);
    scene.finish_open().map(drop)
}

fn assert_halted_in_canary(status: &FleetRolloutStatus) -> Result<()> {
    let halt = status.halt.as_ref().context("a halted run without its reason")?;
    assert!(matches!(halt.reason.as_str(), "Failures" | "NoSlotLeft"), "{halt:?}");
    let expected = [("canary", "Open"), ("rest", "Waiting")];
    assert_eq!(states(status), expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
    assert!(status.units.updated <= 2, "{:?}", status.units);
    Ok(())
}

/// The pods outside of the canary.
async fn untouched(scene: &Scene<'_>, agent: &Daemon) -> Result<Vec<(String, String)>> {
    let canary = set(&scene.nodes[..2]);
    let uids = scene.uids(agent).await?;
    assert!(nodes_with(agent, "broken").await?.is_subset(&canary), "only the canary ever gets it");
    Ok(uids.into_iter().filter(|(node, _)| !canary.contains(node)).collect())
}
