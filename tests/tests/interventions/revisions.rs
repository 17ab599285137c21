//! The template changes again before the last change has arrived everywhere.

use std::collections::BTreeMap;

use anyhow::Result;
use api::fleet_rollout::Phase;
use tests::fixture::Scene;
use xtask::daemonsets::image_of;

use super::{LONG, await_status, bed};

const READY_AFTER: &str = "drover.dev/ready-after";
/// A release whose pods take so long that its run is still under way when the next thing happens, on a busy machine too.
const SLOW: &[(&str, Option<&str>)] = &[(READY_AFTER, Some("3s"))];

#[tokio::test]
async fn two_changes_in_the_middle_of_a_run_each_supersede_it_at_once() -> Result<()> {
    let scene = bed().await?.scene("changed-twice", 12, 2).await?;
    let agent = scene.deploy("agent", "25%").await?;
    agent.release_with("v2", SLOW).await?;
    await_status(&scene, "agent", 2, "the first units of v2", |status| status.units.updated >= 3).await?;
    agent.release("v3").await?;
    await_status(&scene, "agent", 3, "the first units of v3", |status| status.units.updated >= 2).await?;
    agent.release_with("v4", &[(READY_AFTER, None)]).await?;
    let status = scene.await_phase("agent", 4, Phase::Completed, LONG).await?;
    assert_eq!((status.units.updated, status.units.settled, status.units.failed), (12, 12, 0));
    agent.await_ready("v4", 12, LONG).await?;
    let phases: Vec<_> = phases(&scene).await?;
    assert_eq!(phases, [(1, Phase::Completed), (2, Phase::Superseded), (3, Phase::Superseded), (4, Phase::Completed)]);
    let verdict = scene.finish_done().await?;
    // Who waited for its turn went from v1 to v4 directly.
    assert!(verdict.deletes < 36 && verdict.restarts.len() == 12, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn going_back_in_the_middle_returns_those_that_moved_and_touches_no_other() -> Result<()> {
    let scene = bed().await?.scene("rollback", 10, 2).await?;
    let agent = scene.deploy("agent", "20%").await?;
    let before = scene.uids(&agent).await?;
    agent.release_with("v2", SLOW).await?;
    await_status(&scene, "agent", 2, "the first units of v2", |status| status.units.updated >= 3).await?;
    let namespace = scene.namespace.as_str();
    scene.bed.cluster.kubectl(&["--namespace", namespace, "rollout", "undo", "daemonset/agent"]).await?;
    let status = scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    assert_eq!((status.units.updated, status.units.settled), (10, 10));
    let runs = scene.runs("agent").await?;
    let names: Vec<_> = runs.iter().map(|run| run.spec.revision.name.as_str()).collect();
    assert!(names.len() == 3 && names[0] == names[2] && names[0] != names[1], "{names:?}");
    assert_eq!(phases(&scene).await?[1..], [(2, Phase::Superseded), (3, Phase::Completed)]);
    let verdict = scene.finish_done().await?;
    let pods = agent.await_ready("v1", 10, LONG).await?;
    assert!(pods.values().all(|pod| image_of(pod) == Some("registry.local/agent:v1")));
    let after = scene.uids(&agent).await?;
    let touched: BTreeMap<_, _> = before.iter().filter(|(node, uid)| after.get(*node) != Some(uid)).collect();
    assert!((3..10).contains(&touched.len()), "{} of 10 were touched", touched.len());
    // There and back for each that moved; one whose pod was on its way out at that moment came back at once.
    assert!(verdict.restarts.values().all(|restarts| *restarts <= 2), "{verdict}");
    assert_eq!(verdict.restarts.len(), touched.len(), "{verdict}");
    Ok(())
}

async fn phases(scene: &Scene<'_>) -> Result<Vec<(i64, Phase)>> {
    let phase = |run: &api::fleet_rollout::FleetRollout| {
        (run.spec.revision.number, run.status.as_ref().map(|status| status.phase).unwrap_or_default())
    };
    Ok(scene.runs("agent").await?.iter().map(phase).collect())
}
