//! The number of workers, changed again and again while several DaemonSets are upgraded.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use futures::future::try_join_all;
use proto::admin::v1::worker_setting::Setting;
use tests::fixture::eventually;

use super::admin::Admin;
use super::{LONG, only_one_sets_workers, served};

/// Each has nodes of its own, so that none waits for another.
const SETS: usize = 6;
const NODES_EACH: usize = 4;
/// The label by which nodes are divided among them.
const SHARE: &str = "drover.dev/share";
/// Often enough to hit every state of a reconcile, with time for some in between.
const CHANGE_EVERY: Duration = Duration::from_millis(50);

#[tokio::test]
async fn no_reconcile_is_lost_when_workers_change_under_load() -> Result<()> {
    let (bed, updater) = served().await?;
    let _turn = only_one_sets_workers().await;
    let scene = bed.scene("workers", u32::try_from(SETS * NODES_EACH)?, 2).await?;
    let names: Vec<String> = (0..SETS).map(|index| format!("set-{index}")).collect();
    let shares = scene.nodes.chunks(NODES_EACH).zip(&names);
    let fleet = scene.fleet();
    try_join_all(shares.map(|(nodes, name)| fleet.label(nodes, SHARE, Some(name.as_str())))).await?;
    let daemons = try_join_all(names.iter().map(async |name| {
        let daemon = scene.daemon_set(name, "50%").on_nodes(SHARE, name).apply(&scene.client).await?;
        daemon.await_ready("v1", NODES_EACH, LONG).await?;
        scene.await_phase(name, 1, Phase::Completed, LONG).await?;
        anyhow::Ok(daemon)
    }))
    .await?;

    let mut admin = Admin::of(updater).await?;
    admin.await_leading().await?;
    let restless = async {
        let settings =
            [Setting::Fixed(1), Setting::Fixed(256), Setting::Auto(()), Setting::Fixed(2), Setting::Fixed(3)];
        let mut changes = 0;
        for setting in settings.into_iter().cycle() {
            admin.set_workers(setting).await.context("SetWorkers")?;
            changes += 1;
            if changes >= 40 && changes % 20 == 0 && all_completed(&scene, &names, 3).await? {
                break;
            }
            tokio::time::sleep(CHANGE_EVERY).await;
        }
        anyhow::Ok(())
    };
    let released = async {
        try_join_all(daemons.iter().map(|daemon| daemon.release("v2"))).await?;
        try_join_all(names.iter().map(|name| scene.await_phase(name, 2, Phase::Completed, LONG))).await?;
        try_join_all(daemons.iter().map(|daemon| daemon.release("v3"))).await.map(drop)
    };
    tokio::time::timeout(2 * LONG, async { tokio::try_join!(restless, released) })
        .await
        .context("not all DaemonSets were upgraded")??;

    admin.set_workers(Setting::Fixed(3)).await.context("SetWorkers")?;
    eventually("idle workers", LONG, async || {
        let workers = admin.workers().await?;
        Ok((workers.active == 3 && workers.busy == 0 && workers.queued == 0).then_some(()))
    })
    .await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 2 * SETS * NODES_EACH, "{verdict}");
    assert!(verdict.restarts.values().all(|restarts| *restarts == 2), "{verdict}");
    Ok(())
}

async fn all_completed(scene: &tests::fixture::Scene<'_>, names: &[String], number: i64) -> Result<bool> {
    let done = names.iter().map(async |name| {
        let run = scene.runs(name).await?.pop().filter(|run| run.spec.revision.number == number);
        anyhow::Ok(run.and_then(|run| run.status).is_some_and(|status| status.phase == Phase::Completed))
    });
    Ok(try_join_all(done).await?.into_iter().all(|done| done))
}
