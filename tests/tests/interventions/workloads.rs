//! DaemonSets that go in the middle of a run, and two that share their nodes.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use api::names::reason;
use kube::ResourceExt as _;
use serde_json::json;
use tests::fixture::eventually;

use super::{A_WHILE, LONG, await_status, bed, calls, falls_silent};

/// Keeps a DaemonSet that is being deleted: its pods stay as long as it does.
const FINALIZER: &str = "drover.dev/test";

#[tokio::test]
async fn a_daemon_set_that_is_being_deleted_is_upgraded_no_more_and_its_namesake_is_another() -> Result<()> {
    let scene = bed().await?.scene("deleted", 10, 1).await?;
    let agent = scene.deploy("agent", "1").await?;
    agent.patch(&json!({"metadata": {"finalizers": [FINALIZER]}})).await?;
    agent.release("v2").await?;
    await_status(&scene, "agent", 2, "the first units of v2", |status| status.units.updated >= 2).await?;
    agent.delete().await?;
    // What is told of another DaemonSet now is told by an updater that knows of this deletion: it has one watch for both.
    scene.daemon_set("marker", "some").apply(&scene.client).await?;
    scene.await_event("marker", reason::INVALID_STRATEGY, LONG).await?;
    eventually("the end of what was under way", LONG, async || {
        let leaving = agent.pods().await?.iter().any(|pod| pod.metadata.deletion_timestamp.is_some());
        Ok((!leaving).then_some(()))
    })
    .await?;
    let uids = scene.uids(&agent).await?;
    let before = scene.no_more_deletes(A_WHILE).await?;
    assert_eq!(scene.uids(&agent).await?, uids, "nobody replaces pods of a DaemonSet that is being deleted");
    assert!(before < 10, "{before} pods were deleted");
    let old = agent.get().await?.uid().context("a DaemonSet without UID")?;
    agent.patch(&json!({"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}})).await?;
    eventually("the pods' end", LONG, async || Ok(agent.pods().await?.is_empty().then_some(()))).await?;

    let agent = scene.deploy("agent", "50%").await?;
    assert_ne!(agent.get().await?.uid(), Some(old.clone()));
    eventually("the end of the old runs", LONG, async || {
        let runs = scene.runs("agent").await?;
        Ok((!runs.is_empty() && runs.iter().all(|run| run.spec.target_ref.uid != old)).then_some(()))
    })
    .await?;
    agent.release("v2").await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.settled, status.units.uncontrolled), (10, 0));
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, before + 10, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_daemon_set_that_vanishes_leaves_nothing_to_do() -> Result<()> {
    let scene = bed().await?.scene("vanished", 6, 1).await?;
    let agent = scene.deploy("agent", "1").await?;
    agent.release("v2").await?;
    await_status(&scene, "agent", 2, "the first unit of v2", |status| status.units.updated >= 1).await?;
    agent.delete().await?;
    eventually("the end of pods and runs", LONG, async || {
        Ok((agent.pods().await?.is_empty() && scene.runs("agent").await?.is_empty()).then_some(()))
    })
    .await?;
    falls_silent(&scene).await?;
    assert!(scene.runs("agent").await?.is_empty(), "a run without target was made again");
    scene.finish_open().map(drop)
}

#[tokio::test]
async fn two_daemon_sets_take_turns_on_each_node() -> Result<()> {
    let scene = bed().await?.scene("two-sets", 8, 2).await?;
    let (first, second) = tokio::try_join!(scene.deploy("first", "50%"), scene.deploy("second", "50%"))?;
    tokio::try_join!(first.release("v2"), second.release("v2"))?;
    for name in ["first", "second"] {
        let status = scene.await_phase(name, 2, Phase::Completed, LONG).await?;
        assert_eq!(status.units.settled, 8);
    }
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 16, "{verdict}");
    // They were under way at the same time, on different nodes.
    let deletes: Vec<_> = calls(&scene)?.into_iter().filter(|call| call.kind() == "delete pods").collect();
    let set = |name: &str| name.rsplit_once('-').map(|(set, _)| set.to_owned()).unwrap_or_default();
    let half = &deletes[..deletes.len() / 2];
    let in_first_half: BTreeSet<_> = half.iter().map(|call| set(&call.name)).collect();
    assert_eq!(in_first_half.len(), 2, "one waited for the other's end");
    Ok(())
}
