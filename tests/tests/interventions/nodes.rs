//! Nodes that are cordoned, made anew, or not for everybody.

mod eligible;

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use serde_json::json;
use xtask::daemonsets::image_of;

use super::{LONG, await_status, bed, stands_still};

#[tokio::test]
async fn a_cordoned_node_waits_and_says_so() -> Result<()> {
    let scene = bed().await?.scene("cordoned", 4, 1).await?;
    let agent = scene.deploy("agent", "50%").await?;
    let node = scene.nodes[1].as_str();
    scene.fleet().cordon(&[node]).await?;
    let before = scene.uids(&agent).await?;
    agent.release("v2").await?;
    await_status(&scene, "agent", 2, "all others", |status| status.units.settled == 3).await?;
    let status = stands_still(&scene, &agent, 4).await?;
    assert_eq!(status.attention.len(), 1, "{:?}", status.attention);
    let attention = &status.attention[0];
    assert_eq!(attention.pool, format!("{}-pool-1", scene.namespace));
    assert!(attention.hold.contains("cordoned"), "{}", attention.hold);
    assert_eq!(scene.uids(&agent).await?.get(node), before.get(node));

    scene.fleet().uncordon(&[node]).await?;
    let status = await_status(&scene, "agent", 2, "the last unit", |status| status.units.settled == 4).await?;
    assert_eq!(status.phase, Phase::Completed);
    await_status(&scene, "agent", 2, "nothing left to attend to", |status| status.attention.is_empty()).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 4, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_node_deleted_and_added_again_is_another_node() -> Result<()> {
    let scene = bed().await?.scene("added-again", 12, 2).await?;
    let agent = scene.deploy("agent", "2").await?;
    agent.release("v2").await?;
    await_status(&scene, "agent", 2, "two units", |status| status.units.updated >= 2).await?;
    scene.tell_run("agent", &json!({"desiredState": "Paused"})).await?;
    scene.await_phase("agent", 2, Phase::Paused, LONG).await?;
    let status = stands_still(&scene, &agent, 12).await?;
    assert!((2..12).contains(&status.units.updated), "{:?}", status.units);
    let pods = agent.pods_by_node().await?;
    let at = |tag: &str| {
        let image = format!("registry.local/agent:{tag}");
        let found = pods.iter().find(|(_, pod)| image_of(pod) == Some(image.as_str()));
        found.map(|(node, _)| node.as_str()).with_context(|| format!("no pod runs {tag}"))
    };
    let (done, waiting) = (at("v2")?, at("v1")?);
    let fleet = scene.fleet();
    tokio::try_join!(fleet.replace(done), fleet.replace(waiting))?;
    scene.tell_run("agent", &json!({"desiredState": "Running"})).await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.desired, status.units.updated, status.units.settled), (12, 12, 12));
    agent.await_ready("v2", 12, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert!(verdict.restarts.values().all(|restarts| *restarts == 1), "{verdict}");
    Ok(())
}
