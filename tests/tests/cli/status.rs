//! `drover status`, for people and programs, and followed to the end.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::Value;

use super::user::says;
use super::{LONG, MINUTE, SLOW, await_status, scene};

#[tokio::test]
async fn a_run_is_shown_from_its_beginning_to_its_end() -> Result<()> {
    let (scene, admin) = scene("shown", 12, 3).await?;
    says(&admin.does(&["status"]).await?, &["no rollouts in namespace shown"])?;
    let agent = scene.deploy("agent", "2").await?;
    says(&admin.does(&["status"]).await?, &["✔ agent r1", "12/12"])?;

    agent.release("v2").await?;
    await_status(&scene, 2, "the first units of v2", |status| status.units.updated >= 2).await?;
    let followed = admin.does(&["status", "ds/agent", "--watch"]).await?;
    let last = followed.lines().last().context("nothing was said")?;
    says(last, &["shown/agent r2", "Completed", "all 12 units run"])?;
    scene.await_phase("agent", 2, Phase::Completed, MINUTE).await?;

    let tree = admin.asks(&["status", "agent"]).await?;
    says(
        &tree,
        &["agent → revision 2", "✔ Completed", "├─ shown-pool-1", "└─ shown-pool-3", "12/12", "4/4", "█ settled"],
    )?;
    let json: Value = serde_json::from_str(&admin.asks(&["status", "agent", "-o", "json"]).await?)?;
    ensure!(json["phase"] == "Completed" && json["units"]["settled"] == 12, "{json:#}");
    let pools = json["waves"][0]["pools"].as_array().context("no pools")?;
    let settled: u64 = pools.iter().filter_map(|pool| pool["units"]["settled"].as_u64()).sum();
    ensure!((pools.len(), settled) == (3, 12), "{json:#}");
    says(&admin.asks(&["status", "agent", "-o", "yaml"]).await?, &["phase: Completed", "revision: 2"])?;
    scene.finish_done().await.map(drop)
}

#[tokio::test]
async fn a_run_on_its_way_shows_what_waits_and_for_what() -> Result<()> {
    let (scene, admin) = scene("on-its-way", 9, 3).await?;
    let agent = scene.deploy("agent", "1").await?;
    agent.release_with("v2", SLOW).await?;
    await_status(&scene, 2, "a paused start", |status| status.units.updated >= 1).await?;
    admin.does(&["pause", "agent"]).await?;
    scene.await_phase("agent", 2, Phase::Paused, LONG).await?;
    let tree = admin.asks(&["status", "agent"]).await?;
    says(&tree, &["‖ Paused", "wait: the run is paused by spec.desiredState", "→ drover resume agent -n on-its-way"])?;
    let width = tree.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    ensure!(width <= 100, "{width} columns:\n{tree}");
    says(&admin.does(&["status"]).await?, &["‖ agent r2", "Paused: "])?;
    says(
        &admin.is_refused(&["status", "agnet"]).await?,
        &["agnet has no rollout in namespace on-its-way", "rollouts of agent"],
    )?;
    says(&admin.types(&["status", "deploy/agent"]).await?.err, &["kind \"deploy\" is not one of ds"])
}
