//! A yurt-manager that lives upgrades the same DaemonSets: Drover makes way for it.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names::condition;
use tests::fixture::{Pace, Scene, Testbed, UpdaterSpec, YurtManager, eventually};

use super::LONG;

/// Whether a run says that it makes way.
fn makes_way(status: &FleetRolloutStatus) -> bool {
    let held = status.conditions.iter().find(|condition| condition.type_ == condition::HELD);
    status.phase == Phase::Held
        && held.is_some_and(|held| (held.status.as_str(), held.reason.as_str()) == ("True", "OtherController"))
        && held.is_some_and(|held| held.message.contains("kube-system/yurt-manager"))
}

/// Waits until the run of revision `number` does.
async fn await_way(scene: &Scene<'_>, number: i64) -> Result<()> {
    eventually(&format!("r{number} to make way"), LONG, async || {
        let run = scene.runs("agent").await?.into_iter().find(|run| run.spec.revision.number == number);
        Ok(run.and_then(|run| run.status).filter(makes_way).map(drop))
    })
    .await
}

#[tokio::test]
async fn drover_holds_while_yurt_manager_lives_unless_told_otherwise() -> Result<()> {
    let bed = Testbed::start(Pace::calm().short_lease()).await?;
    let client = bed.cluster.client()?;
    let yurt_manager = YurtManager::start(client.clone()).await?;
    let updater = bed.updater(UpdaterSpec::default()).await?;
    let scene = bed.scene("yurt-manager", 4, 1).await?;
    let agent = scene.launch(&scene.daemon_set("agent", "50%")).await?;
    await_way(&scene, 1).await?;
    agent.release("v2").await?;
    await_way(&scene, 2).await?;
    // Longer than its lease: it is the renewals that count.
    tokio::time::sleep(YurtManager::LEASE + Duration::from_secs(1)).await;
    ensure!(scene.status("agent").await?.is_some_and(|status| makes_way(&status)), "it does not make way any more");
    assert_eq!(scene.verdict()?.deletes, 0);

    drop(yurt_manager);
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!(scene.finish_done().await?.deletes, 4);

    let yurt_manager = YurtManager::start(client).await?;
    agent.release("v3").await?;
    await_way(&scene, 3).await?;
    let exit = updater.process.terminate(LONG).await?;
    assert!(exit.success(), "{exit}");
    let _updater = bed.updater(UpdaterSpec::default().env("DROVER_YURT_MANAGER__IGNORE", "true")).await?;
    scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    drop(yurt_manager);
    assert_eq!(scene.finish_done().await?.deletes, 8);
    Ok(())
}
