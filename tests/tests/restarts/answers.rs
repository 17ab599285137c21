//! Answers that do not come, or are errors.

use anyhow::Result;
use api::fleet_rollout::Phase;
use tests::fixture::UpdaterSpec;

use super::{LONG, bed};

/// Nobody can tell what became of a DELETE that was lost, timed out or met a failing API server; a refused one was not done.
#[tokio::test]
async fn deletes_of_unknown_outcome_count_until_they_are_known_and_none_is_lost() -> Result<()> {
    let bed = bed().await?;
    let faults = "lose:1:delete/pods;hang:2:delete/pods;status-500:3:delete/pods;status-429:4:delete/pods;\
                  drop:5:delete/pods;status-503:6-7:patch/fleetrollouts/status;delay-400:10+:delete/pods";
    let _updater = bed.updater(UpdaterSpec::default().env("DROVER_FAULTS", faults)).await?;
    let scene = bed.scene("unknown", 12, 2).await?;
    let agent = scene.deploy("agent", "25%").await?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    agent.await_ready("v2", 12, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!((verdict.deletes, verdict.restarts.len()), (12, 12), "{verdict}");
    Ok(())
}
