//! Links that come and go all the time.

use std::time::Duration;

use anyhow::Result;
use api::fleet_rollout::Phase;
use tokio::task::JoinHandle;
use xtask::nodes::Nodes;

use super::{LONG, scene};

#[tokio::test]
async fn a_healthy_release_completes_while_a_tenth_of_the_nodes_flaps() -> Result<()> {
    let scene = scene("flapping", 30, 3).await?;
    let agent = scene.deploy("agent", "30%").await?;
    let flapping = Flapping::begin(scene.fleet(), &scene.nodes);
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    drop(flapping);
    scene.fleet().online(&scene.nodes).await?;
    scene.fleet().await_ready(&scene.nodes, true, LONG).await?;
    agent.await_ready("v2", 30, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert!(verdict.restarts.values().all(|restarts| *restarts == 1), "{verdict}");
    Ok(())
}

/// Every 24 s another tenth of the nodes is away for 14 s: about half of it as NotReady, after the grace period.
struct Flapping(JoinHandle<()>);

impl Flapping {
    fn begin(fleet: Nodes, nodes: &[String]) -> Self {
        let nodes = nodes.to_vec();
        Self(tokio::spawn(async move {
            for tenth in nodes.chunks(nodes.len() / 10).cycle() {
                // A change that fails is one flap less.
                let _ = fleet.offline(tenth).await;
                tokio::time::sleep(Duration::from_secs(14)).await;
                let _ = fleet.online(tenth).await;
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        }))
    }
}

impl Drop for Flapping {
    fn drop(&mut self) {
        self.0.abort();
    }
}
