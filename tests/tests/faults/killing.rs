//! Releases that take their nodes away.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use api::names::reason;
use tests::fixture::eventually;
use xtask::releases::{KILLS_NODE, NodeKiller};

use super::{LONG, scene};

#[tokio::test]
async fn a_release_that_takes_nodes_away_is_halted_after_three_of_thirty() -> Result<()> {
    let scene = scene("killing", 30, 3).await?;
    let agent = scene.deploy("agent", "10%").await?;
    let killer = NodeKiller::spawn(scene.client.clone());
    agent.release_with("v2", &[(KILLS_NODE, Some("true"))]).await?;
    let status = scene.await_phase("agent", 2, Phase::Halted, LONG).await?;
    let halt = status.halt.context("a halted run without its reason")?;
    assert_eq!(halt.reason, "NodeLoss", "{halt:?}");
    let event = scene.await_event("agent", reason::HALTED, LONG).await?;
    assert!(event.note.is_some_and(|note| note.contains(&halt.evidence)));
    scene.no_more_deletes(Duration::from_secs(3)).await?;
    let verdict = scene.finish_open()?;
    assert!((1..=3).contains(&verdict.lost_with("agent").len()), "{verdict}");
    assert_eq!(verdict.lost_with("agent"), killer.killed().into_iter().collect());

    // Back on power with the same pods nothing moves: halted is sticky. A fixed release goes on, over the lost nodes too.
    let lost = killer.killed();
    scene.fleet().online(&lost).await?;
    scene.fleet().await_ready(&lost, true, LONG).await?;
    scene.no_more_deletes(Duration::from_secs(3)).await?;
    agent.release_with("v3", &[(KILLS_NODE, None)]).await?;
    let status = eventually("six settled units", LONG, async || {
        Ok(scene.status("agent").await?.filter(|status| status.units.settled >= 6))
    })
    .await?;
    assert!(status.halt.is_none(), "{status:?}");
    scene.finish_open()?;
    Ok(())
}
