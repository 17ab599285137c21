//! `drover pause`, `resume`, `abort` and `history`.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;

use super::user::says;
use super::{LONG, SLOW, await_status, scene};

#[tokio::test]
async fn a_run_is_paused_resumed_aborted_and_taken_up_again() -> Result<()> {
    let (scene, admin) = scene("steered", 12, 2).await?;
    let agent = scene.deploy("agent", "2").await?;
    agent.release_with("v2", SLOW).await?;
    await_status(&scene, 2, "the first units of v2", |status| status.units.updated >= 2).await?;

    says(&admin.does(&["pause", "agent"]).await?, &["paused: nothing is started any more", "→ drover resume agent"])?;
    let paused = scene.await_phase("agent", 2, Phase::Paused, LONG).await?;
    ensure!(paused.units.updated < 12, "{:?}", paused.units);
    says(&admin.does(&["pause", "ds/agent"]).await?, &["is paused already"])?;
    says(&admin.does(&["resume", "agent"]).await?, &["resumed"])?;
    says(&admin.does(&["resume", "agent"]).await?, &["neither paused nor halted"])?;

    says(&admin.does(&["abort", "agent"]).await?, &["aborted", "→ drover rollback agent"])?;
    scene.await_phase("agent", 2, Phase::Aborted, LONG).await?;
    let followed = admin.types(&["status", "agent", "-w"]).await?;
    ensure!(followed.code == Some(1), "{followed:?}");
    says(&followed.err, &["is Aborted"])?;
    let name = scene.runs("agent").await?.pop().and_then(|run| run.metadata.name).context("no run")?;
    says(&admin.does(&["history", "agent"]).await?, &["REVISION", "1  ✔ Completed", "2  ■ Aborted"])?;

    // By the name of the run itself.
    admin.does(&["resume", &format!("fr/{name}")]).await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    says(&admin.does(&["history", "agent", "-o", "json"]).await?, &["\"phase\": \"Completed\"", "\"revision\": 2"])?;
    scene.finish_done().await.map(drop)
}
