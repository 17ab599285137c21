//! Leaders that are lost.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::bed;
use super::site::{Leaders, Site};

/// Far more than the issue asks for, which `cargo xtask bench leaders` measures: these two cores are shared with everything else
/// that is tested.
const AT_MOST: SignedDuration = SignedDuration::from_secs(60);

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

/// A fleet, and in how many of its pools the leader is lost at once.
struct Outage {
    prefix: &'static str,
    pools: usize,
    nodes: usize,
    lost: usize,
}

#[tokio::test]
async fn no_loss_is_missed_while_the_service_stands_still() -> Result<()> {
    none_is_missed(&Outage { prefix: "paused", pools: 20, nodes: 3, lost: 10 }).await
}

#[tokio::test]
#[ignore = "a campaign of a minute: cargo xtask soak"]
async fn soak_no_loss_of_many_is_missed_while_the_service_stands_still() -> Result<()> {
    none_is_missed(&Outage { prefix: "stopped", pools: 100, nodes: 5, lost: 30 }).await
}

async fn none_is_missed(outage: &Outage) -> Result<()> {
    let bed = bed().await?;
    let open = async |pool: usize| {
        let site = Site::electing(&bed.stage, &format!("{}-{pool:03}", outage.prefix), 1, &[]).await?;
        for node in 0..outage.nodes {
            site.add(&format!("n{node}"), &format!("10.30.{pool}.{node}"), &json!({})).await?;
        }
        let leader = site.await_count(1).await?.pop().context("no leader")?;
        anyhow::Ok((site, leader))
    };
    let sites = try_join_all((0..outage.pools).map(open)).await?;
    let stopped = bed.stopped.write().await;
    bed.service.process.pause()?;
    let lost = sites.iter().take(outage.lost).map(|(site, leader)| site.ready(leader, false));
    let lost = try_join_all(lost).await;
    // It stays stopped for longer than any of its reads takes, and shorter than its lease lasts.
    tokio::time::sleep(Duration::from_secs(2)).await;
    bed.service.process.resume()?;
    lost?;
    for (index, (site, leader)) in sites.iter().enumerate() {
        let was = site.node(leader);
        let led_by = |leaders: &Leaders| leaders.iter().any(|(node, _)| *node == was);
        let wanted = |leaders: &Leaders| leaders.len() == 1 && led_by(leaders) == (index >= outage.lost);
        site.await_leaders("the right leader", wanted).await?;
    }
    drop(stopped);
    Ok(())
}
