//! A yurt-manager that lives upgrades the same DaemonSets: Drover makes way for it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names::condition;
use tests::fixture::{Pace, Testbed, UpdaterSpec, YurtManager};

use super::MINUTE;

fn held_for_it(status: &FleetRolloutStatus) -> Result<()> {
    let held = status.conditions.iter().find(|condition| condition.type_ == condition::HELD);
    let held = held.context("no condition Held")?;
    assert_eq!((held.status.as_str(), held.reason.as_str()), ("True", "OtherController"));
    assert!(held.message.contains("kube-system/yurt-manager"), "{}", held.message);
    Ok(())
}

#[tokio::test]
async fn drover_holds_while_yurt_manager_lives_unless_told_otherwise() -> Result<()> {
    let bed = Testbed::start(Pace::calm().short_lease()).await?;
    let client = bed.cluster.client()?;
    let yurt_manager = YurtManager::start(client.clone()).await?;
    let updater = bed.updater(UpdaterSpec::default()).await?;
    let scene = bed.scene("yurt-manager", 4, 1).await?;
    let agent = scene.launch(&scene.daemon_set("agent", "50%")).await?;
    held_for_it(&scene.await_phase("agent", 1, Phase::Held, MINUTE).await?)?;
    agent.release("v2").await?;
    held_for_it(&scene.await_phase("agent", 2, Phase::Held, MINUTE).await?)?;
    // Longer than its lease: it is the renewals that count.
    tokio::time::sleep(YurtManager::LEASE + Duration::from_secs(1)).await;
    held_for_it(&scene.status("agent").await?.context("no status")?)?;
    assert_eq!(scene.verdict()?.deletes, 0);

    drop(yurt_manager);
    scene.await_phase("agent", 2, Phase::Completed, MINUTE).await?;
    assert_eq!(scene.finish_done().await?.deletes, 4);

    let yurt_manager = YurtManager::start(client).await?;
    agent.release("v3").await?;
    held_for_it(&scene.await_phase("agent", 3, Phase::Held, MINUTE).await?)?;
    let exit = updater.process.terminate(Duration::from_secs(30)).await?;
    assert!(exit.success(), "{exit}");
    let _updater = bed.updater(UpdaterSpec::default().env("DROVER_YURT_MANAGER__IGNORE", "true")).await?;
    scene.await_phase("agent", 3, Phase::Completed, MINUTE).await?;
    drop(yurt_manager);
    assert_eq!(scene.finish_done().await?.deletes, 8);
    Ok(())
}
