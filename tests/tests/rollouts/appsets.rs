//! A DaemonSet that depends on a YurtAppSet: on what a peer says of it, and on whether there is a peer.

use anyhow::{Result, ensure};
use api::fleet_rollout::Phase;
use proto::rollout::v1::UpToDate;
use serde_json::json;

use super::{A_WHILE, LONG, after, await_hold, await_nodes, bed, deploy, nodes_with, pool};

const UNKNOWN: &str = "it is not known whether YurtAppSet till is up to date in its pool";
const WAITS: &str = "it waits until YurtAppSet till is up to date in its pool";

#[tokio::test]
async fn a_peer_that_is_away_holds_the_run_until_it_is_back() -> Result<()> {
    let bed = bed().await?;
    let scene = bed.testbed.scene("tills", 9, 3).await?;
    let mut strategy = after("YurtAppSet", "till", "SamePool");
    strategy["maxUnavailable"] = json!(1);
    let agent = deploy(&scene, "agent", strategy).await?;

    // Nobody is there.
    agent.release_with("v2", &[("drover.dev/ready-after", Some("2s"))]).await?;
    await_hold(&scene, "agent", UNKNOWN).await?;
    ensure!(scene.no_more_deletes(A_WHILE).await? == 0);

    // A peer comes, and the pool that may go goes.
    let far = |names: [u32; 3], up_to_date| names.map(|number| (pool(&scene, number), up_to_date));
    let mut pools = far([1, 2, 3], UpToDate::No);
    pools[1].1 = UpToDate::Yes;
    let peer = bed.peer.serve(&scene.namespace, &pools)?;
    await_nodes(&agent, "agent", "v2", &scene.nodes[3..6]).await?;
    await_hold(&scene, "agent", WAITS).await?;
    ensure!(scene.no_more_deletes(A_WHILE).await? == 3);

    // It goes on live, and the peer dies in the middle: what is under way ends, and nothing starts.
    peer.set(pool(&scene, 1), UpToDate::Yes);
    scene.await_deletes(4).await?;
    drop(peer);
    await_hold(&scene, "agent", UNKNOWN).await?;
    scene.no_more_deletes(A_WHILE).await?;
    let done = nodes_with(&agent, "agent", "v2").await?;
    ensure!(done.iter().all(|node| !scene.nodes[6..].contains(node)), "{done:?}");

    // Another one at the same place knows more.
    let _peer = bed.peer.serve(&scene.namespace, &far([1, 2, 3], UpToDate::Yes))?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let verdict = scene.finish_done().await?;
    ensure!(verdict.deletes == 9, "{verdict}");
    Ok(())
}
