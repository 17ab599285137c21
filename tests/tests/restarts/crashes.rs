//! A crash before or after any write changes nothing in the end: every single one of them in a campaign, some of them always.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use tests::fixture::{Testbed, Updater, UpdaterSpec, eventually};

use super::{LONG, bed};

const NODES: u32 = 6;

#[tokio::test]
async fn a_crash_at_some_writes_changes_nothing_in_the_end() -> Result<()> {
    let bed = bed().await?;
    for (name, fault) in [
        ("after-delete", "kill-after:2:delete/pods"),
        ("before-status", "kill-before:3:patch/fleetrollouts/status"),
        ("after-create", "kill-after:2:create/fleetrollouts"),
    ] {
        ensure!(crash(&bed, name, fault).await?, "{fault} did not happen");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "a campaign of some 15 minutes: cargo xtask soak"]
async fn soak_a_crash_at_every_write_changes_nothing_in_the_end() -> Result<()> {
    let bed = bed().await?;
    let mut crashes = 0;
    for when in ["before", "after"] {
        for write in 1.. {
            let fault = format!("kill-{when}:{write}");
            if !crash(&bed, &format!("{when}-{write}"), &fault).await? {
                eprintln!("no write number {write}: {} crashes {when} a write", write - 1);
                break;
            }
            crashes += 1;
        }
    }
    ensure!(crashes > 20, "only {crashes} crashes: the campaign says too little");
    Ok(())
}

/// A run whose updater dies by `fault` and is started again; whether it died.
async fn crash(bed: &Testbed, name: &str, fault: &str) -> Result<bool> {
    let scene = bed.scene(name, NODES, 1).await?;
    let mut updater = bed.updater(UpdaterSpec::default().env("DROVER_FAULTS", fault)).await?;
    let agent = scene.launch(&scene.daemon_set("agent", "50%")).await?;
    let mut died = false;
    for (number, tag) in [(1, "v1"), (2, "v2")] {
        if number > 1 {
            agent.release(tag).await?;
        }
        let what = format!("the end of {name} r{number}");
        let done = eventually(&what, LONG, async || {
            if updater.process.exit().is_some() {
                died = true;
                updater = bed.updater(UpdaterSpec::default()).await?;
            }
            let runs = scene.runs("agent").await?;
            let status = runs.into_iter().find(|run| run.spec.revision.number == number).and_then(|run| run.status);
            Ok(status.filter(|status| status.phase == Phase::Completed))
        });
        done.await.with_context(|| format!("after {fault}"))?;
    }
    agent.await_ready("v2", scene.nodes.len(), LONG).await?;
    // It may still die by one of its last writes.
    scene.quiet().await?;
    if updater.process.exit().is_some() {
        died = true;
        updater = bed.updater(UpdaterSpec::default()).await?;
        await_first_look(&updater).await?;
    }
    let verdict = scene.finish_done().await.with_context(|| format!("after {fault}"))?;
    ensure!(verdict.deletes == scene.nodes.len() && verdict.restarts.len() == scene.nodes.len(), "{fault}: {verdict}");
    agent.delete().await?;
    updater.process.terminate(LONG).await?;
    Ok(died)
}

/// Waits until a new updater leads and has looked at everything once.
async fn await_first_look(updater: &Updater) -> Result<()> {
    updater.process.await_line("leading", LONG).await.map(drop)
}
