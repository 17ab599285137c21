//! SIGKILL at any moment changes nothing in the end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use api::fleet_rollout::Phase;
use tests::fixture::UpdaterSpec;

use super::{LONG, bed};

#[tokio::test]
async fn killed_three_times_in_a_run_it_restarts_no_unit_twice() -> Result<()> {
    let bed = bed().await?;
    let mut updater = bed.updater(UpdaterSpec::default()).await?;
    let scene = bed.scene("killed", 20, 2).await?;
    let agent = scene.deploy("agent", "20%").await?;
    agent.release("v2").await?;
    for kill in 1..=3 {
        scene.await_deletes(4 * kill).await?;
        let moment =
            Duration::from_millis(u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_micros() % 1_200));
        eprintln!("killing it {moment:?} after its delete number {}", 4 * kill);
        tokio::time::sleep(moment).await;
        updater.process.kill9().await?;
        updater = bed.updater(UpdaterSpec::default()).await?;
    }
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    agent.await_ready("v2", 20, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!((verdict.deletes, verdict.restarts.len()), (20, 20), "{verdict}");
    Ok(())
}
