//! A client's view while nodes come, go, flap and move.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use proto::topology::v1::{NodeSelector, PoolSelector};
use topology::{Interest, Settings, View};
use xtask::nodes::{POOL_LABEL, is_ready, pool_of};

use super::{Bed, Client, READER, bed};

/// Everything of the pools with this name before their number.
fn of_scene(scene: &str) -> Interest {
    let labels: BTreeMap<_, _> = [("scene".to_owned(), scene.to_owned())].into();
    let pools = PoolSelector { labels: labels.clone(), ..PoolSelector::default() };
    Interest { pools: Some(pools), nodes: Some(NodeSelector { pool_labels: labels, ..NodeSelector::default() }) }
}

async fn follow(bed: &Bed, scene: &str) -> Result<Client> {
    let peer = bed.service.peer(&bed.token(READER).await?).await?;
    let settings = Settings { unknown_after: chassis::Period::of_millis::<60_000>(), peer };
    Client::follow(&settings, of_scene(scene))
}

/// Name, pool and readiness of each node in a view.
fn seen(view: &View) -> Option<Vec<(String, Option<String>, bool)>> {
    let nodes = view.nodes().known()?;
    Some(nodes.into_iter().map(|node| (node.name, node.pool, node.ready)).collect())
}

/// The same of the API server's nodes in the pools of a scene.
async fn truth(bed: &Bed, scene: &str) -> Result<Vec<(String, Option<String>, bool)>> {
    let nodes = bed.cluster.nodes()?.list().await?.into_iter().filter_map(|node| {
        let pool = pool_of(&node).filter(|pool| pool.starts_with(scene))?.to_owned();
        let ready = is_ready(&node);
        Some((node.metadata.name?, Some(pool), ready))
    });
    Ok(nodes.collect())
}

#[tokio::test]
async fn a_view_follows_nodes_that_flap_move_and_go() -> Result<()> {
    let bed = bed().await?;
    let names = bed.fleet("flap", 6, 2).await?.names();
    let client = follow(bed, "flap").await?;
    let ready = |view: &View| seen(view).map(|nodes| nodes.iter().filter(|(_, _, ready)| *ready).count());
    client.until("six Ready nodes", |view| ready(view) == Some(6)).await?;
    client
        .until("two leaders each", |view| {
            let pools = view.pools().known().unwrap_or_default();
            pools.len() == 2 && pools.iter().all(|pool| pool.leaders.len() == 2)
        })
        .await?;

    let nodes = bed.cluster.nodes()?;
    for round in 0..3 {
        let lost = &names[round..round + 3];
        nodes.not_ready(lost, true).await?;
        client.until("three nodes lost", |view| ready(view) == Some(3)).await?;
        let known = seen(&client.view).context("unknown")?;
        ensure!(known.iter().all(|(name, _, ready)| *ready != lost.contains(name)), "{lost:?} are lost: {known:?}");
        nodes.not_ready(lost, false).await?;
        client.until("all nodes back", |view| ready(view) == Some(6)).await?;
    }
    // Out of its pool and into the other, as it must be done, and one is deleted.
    nodes.label(&names[..1], POOL_LABEL, None).await?;
    client.until("a node without pool", |view| seen(view).is_some_and(|nodes| nodes.len() == 5)).await?;
    nodes.label(&names[..1], POOL_LABEL, Some("flap-pool-2")).await?;
    nodes.delete(&names[5..]).await?;
    let counts = |view: &View| {
        let pools = view.pools().known().unwrap_or_default();
        pools.iter().map(|pool| (pool.ready_nodes, pool.unready_nodes)).collect::<Vec<_>>()
    };
    client.until("two and three nodes", |view| counts(view) == [(2, 0), (3, 0)]).await?;
    // Pools and nodes are two streams, and what the second showed before this edit were five nodes too.
    let truth = truth(bed, "flap").await?;
    client.until("the API server's five nodes", |view| seen(view).as_ref() == Some(&truth)).await?;
    client
        .until("leaders that are there", |view| {
            let pools = view.pools().known().unwrap_or_default();
            pools.iter().all(|pool| {
                let members: Vec<_> = view.nodes_of(&pool.name).known().unwrap_or_default();
                let is_member = |leader: &str| members.iter().any(|node| node.ready && node.name == leader);
                pool.leaders.len() == 2 && pool.leaders.iter().all(|leader| is_member(&leader.node))
            })
        })
        .await
}
