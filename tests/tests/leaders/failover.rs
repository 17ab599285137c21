//! Leaders that are lost.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use super::bed;
use super::site::Site;

/// Ten times what the issue asks for: these two cores are shared with everything else that is tested.
const AT_MOST: SignedDuration = SignedDuration::from_secs(10);

#[tokio::test]
async fn a_killed_leader_is_replaced_as_soon_as_its_loss_is_public() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "killed", 1, &[("a", "10.20.0.1"), ("b", "10.20.0.2")]).await?;
    let _undisturbed = bed.stopped.read().await;
    let leader = site.await_count(1).await?.pop().context("no leader")?;
    let before = Timestamp::now();
    site.ready(&leader, false).await?;
    let other = if leader == "a" { "b" } else { "a" };
    site.await_led_by(&[other]).await?;
    let writes = bed.stage.writes("killed")?;
    let after = writes.iter().filter(|call| call.received >= before);
    let outputs = after.filter(|call| ["configmaps", "endpoints"].contains(&call.resource.as_str()));
    let outputs: Vec<_> = outputs.collect();
    assert_eq!(outputs.len(), 2, "each output is written once: {outputs:?}");
    for call in outputs {
        let took = call.completed.duration_since(before);
        ensure!(took <= AT_MOST, "{} {} was written {took:?} after the loss", call.resource, call.name);
    }
    Ok(())
}

/// Pools of three nodes.
const POOLS: usize = 20;
/// In so many of them the leader is lost.
const LOST: usize = 10;

#[tokio::test]
async fn no_loss_is_missed_while_the_service_stands_still() -> Result<()> {
    let bed = bed().await?;
    let open = async |pool: usize| {
        let address = |node: usize| format!("10.30.{pool}.{node}");
        let nodes = [("a", address(1)), ("b", address(2)), ("c", address(3))];
        let nodes = nodes.each_ref().map(|(name, address)| (*name, address.as_str()));
        let site = Site::electing(&bed.stage, &format!("paused-{pool:02}"), 1, &nodes).await?;
        let leader = site.await_count(1).await?.pop().context("no leader")?;
        anyhow::Ok((site, leader))
    };
    let sites = try_join_all((0..POOLS).map(open)).await?;
    let stopped = bed.stopped.write().await;
    bed.service.process.pause()?;
    let lost = sites.iter().take(LOST).map(|(site, leader)| site.ready(leader, false));
    let lost = try_join_all(lost).await;
    // It stays stopped for longer than any of its reads takes, and shorter than its lease lasts.
    tokio::time::sleep(Duration::from_secs(2)).await;
    bed.service.process.resume()?;
    lost?;
    for (index, (site, leader)) in sites.iter().enumerate() {
        let was = site.node(leader);
        let led_by = |leaders: &super::site::Leaders| leaders.iter().any(|(node, _)| *node == was);
        let wanted = |leaders: &super::site::Leaders| leaders.len() == 1 && led_by(leaders) == (index >= LOST);
        site.await_leaders("the right leader", wanted).await?;
    }
    drop(stopped);
    Ok(())
}
