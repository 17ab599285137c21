//! Units that take the newest revision without the updater.

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use tests::fixture::eventually;
use xtask::daemonsets::MAX_UNAVAILABLE_ANNOTATION;

use super::{LONG, scene};

#[tokio::test]
async fn a_pod_that_took_the_newest_template_by_itself_is_left_alone_and_counted() -> Result<()> {
    let scene = scene("uncontrolled", 10, 1).await?;
    let agent = scene.deploy("agent", "10%").await?;
    agent.annotate(MAX_UNAVAILABLE_ANNOTATION, Some("0")).await?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Held, LONG).await?;
    let by_hand = [scene.nodes[0].as_str(), scene.nodes[1].as_str()];
    scene.delete_pods(&agent, &by_hand).await?;
    agent.await_ready("v2", 2, LONG).await?;
    let status = eventually("two uncontrolled units", LONG, async || {
        let status = scene.status("agent").await?.context("no status")?;
        Ok((status.units.uncontrolled == 2).then_some(status))
    });
    assert_eq!(status.await?.units.updated, 2);
    agent.annotate(MAX_UNAVAILABLE_ANNOTATION, Some("10%")).await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 8, "{verdict}");
    Ok(())
}
