//! Replicas that die, and answers that are lost.

use anyhow::{Result, ensure};
use tests::fixture::{Service, eventually};

use super::LONG;
use super::crashes::short_lived;
use super::neighbour::{service, stage};
use super::site::Site;

/// Whether a replica acts.
async fn leads(service: &Service) -> Result<bool> {
    let metrics = service.process.await_http(&service.addresses().await?.admin, "/metrics", LONG).await?;
    Ok(metrics.lines().any(|line| line.starts_with("drover_lease_leading") && line.ends_with(" 1")))
}

#[tokio::test]
async fn what_happens_while_nobody_acts_is_seen_to_by_the_next() -> Result<()> {
    let (stage, _turn) = stage().await?;
    let nodes = [("a", "10.43.0.1"), ("b", "10.43.0.2")];
    let site = Site::electing(stage, "orphaned", 1, &nodes).await?;
    let first = stage.service(short_lived()).await?;
    let leader = site.await_count(1).await?.remove(0);
    let second = stage.service(short_lived()).await?;
    // The first to start, unless the machine stood still for longer than its short Lease lasts.
    let (acting, next) = eventually("one of the two to act", LONG, async || {
        Ok(match (leads(&first).await?, leads(&second).await?) {
            (true, false) => Some((&first, &second)),
            (false, true) => Some((&second, &first)),
            _ => None,
        })
    })
    .await?;
    acting.process.kill9().await?;
    site.ready(&leader, false).await?;
    let other = if leader == "a" { "b" } else { "a" };
    site.await_led_by(&[other]).await?;
    eventually("the other one to act", LONG, async || Ok(leads(next).await?.then_some(()))).await?;
    let exit = next.process.terminate(LONG).await?;
    ensure!(exit.success(), "{exit}");
    Ok(())
}

#[tokio::test]
async fn answers_that_are_lost_or_bad_change_nothing_in_the_end() -> Result<()> {
    let (stage, _turn) = stage().await?;
    let site = Site::electing(stage, "faulty", 1, &[("a", "10.44.0.1"), ("b", "10.44.0.2")]).await?;
    site.change(&serde_json::json!({"labels": {"site": "north"}})).await?;
    let faults = "status-500:1-2:patch/endpoints;lose:3:patch/endpoints;drop:1:patch/configmaps;lose:2:patch/configmaps;\
                  status-409:1:patch/nodepools/status;lose:2:patch/nodepools/status;status-429:1-2:patch/nodes;\
                  status-503:1:patch/clusterroles;drop:1:patch/endpointslices";
    let serving = stage.service(service().env("DROVER_FAULTS", faults)).await?;
    let leader = site.await_count(1).await?.remove(0);
    site.ready(&leader, false).await?;
    let other = if leader == "a" { "b" } else { "a" };
    site.await_led_by(&[other]).await?;
    eventually("the pool's label", LONG, async || {
        let labelled =
            async |node| anyhow::Ok(kube::ResourceExt::labels(&site.read_node(node).await?).contains_key("site"));
        Ok((labelled("a").await? && labelled("b").await?).then_some(()))
    })
    .await?;
    eventually("ten faults", LONG, async || {
        let injected = serving.process.output().lines().filter(|line| line.contains("injecting a fault")).count();
        Ok((injected >= 10).then_some(()))
    })
    .await?;
    let exit = serving.process.terminate(LONG).await?;
    ensure!(exit.success(), "{exit}");
    Ok(())
}
