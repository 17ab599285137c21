//! A crash before or after any write changes nothing in the end: every single one of them in a campaign, some of them always.

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt as _;
use serde_json::json;
use tests::fixture::{Service, ServiceSpec, eventually};

use super::neighbour::{service, stage};
use super::site::Site;
use super::{LONG, Stage};

#[tokio::test]
async fn a_crash_at_some_writes_changes_nothing_in_the_end() -> Result<()> {
    let (stage, _turn) = stage().await?;
    for (name, fault) in [
        ("crash-output", "kill-after:1:patch/configmaps"),
        ("crash-status", "kill-before:1:patch/nodepools/status"),
        ("crash-node", "kill-after:1:patch/nodes"),
    ] {
        ensure!(crash(stage, name, fault).await?, "{fault} did not happen");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "a campaign of some 10 minutes: cargo xtask soak"]
async fn soak_a_crash_at_every_write_changes_nothing_in_the_end() -> Result<()> {
    let (stage, _turn) = stage().await?;
    let mut crashes = 0;
    for when in ["before", "after"] {
        for resource in ["endpoints", "configmaps", "endpointslices", "nodepools/status", "nodes"] {
            for write in 1.. {
                let name = format!("{when}-{write}-{}", resource.replace('/', "-"));
                if !crash(stage, &name, &format!("kill-{when}:{write}:patch/{resource}")).await? {
                    eprintln!("{} crashes {when} a patch of {resource}", write - 1);
                    break;
                }
                crashes += 1;
            }
        }
    }
    ensure!(crashes > 10, "only {crashes} crashes: the campaign says too little");
    Ok(())
}

/// With a Lease that is soon free when its holder is dead.
pub(crate) fn short_lived() -> ServiceSpec {
    service()
        .env("DROVER_LEASE__DURATION", "3s")
        .env("DROVER_LEASE__RENEW_EVERY", "500ms")
        .env("DROVER_LEASE__MARGIN", "500ms")
        .env("DROVER_KUBE__WRITE_TIMEOUT", "1s")
}

/// A pool whose controller dies by `fault`, and is started again; whether it died.
async fn crash(stage: &Stage, name: &str, fault: &str) -> Result<bool> {
    let nodes = [("a", "10.45.0.1"), ("b", "10.45.0.2"), ("c", "10.45.0.3")];
    let site = Site::electing(stage, name, 1, &nodes).await?;
    site.change(&json!({"labels": {"site": "north"}})).await?;
    let mut serving = Service::start(&stage.cluster, short_lived().env("DROVER_FAULTS", fault)).await?;
    let mut died = false;
    let mut lost = None;
    let what = format!("the end of {name}");
    let done = eventually(&what, LONG, async || {
        if serving.process.exit().is_some() {
            died = true;
            serving = Service::start(&stage.cluster, short_lived()).await?;
        }
        let leader = site.published().await?.filter(|leaders| leaders.len() == 1).and_then(|mut all| all.pop_first());
        let Some((leader, _)) = leader else { return Ok(None) };
        // The first leader is lost, whenever the controller dies.
        if lost.is_none() {
            let short = leader.strip_prefix(&format!("{name}-")).context("a node of another pool")?;
            site.ready(short, false).await?;
            lost = Some(leader);
            return Ok(None);
        }
        let mut labelled = true;
        for (node, _) in nodes {
            labelled &= site.read_node(node).await?.labels().contains_key("site");
        }
        let status = site.read().await?.status.unwrap_or_default();
        let counted = (status.ready_node_num, status.unready_node_num) == (2, 1);
        Ok((labelled && counted && lost.as_ref() != Some(&leader)).then_some(()))
    });
    done.await.with_context(|| format!("after {fault}"))?;
    // It may have died by one of its last writes.
    died |= !serving.process.terminate(LONG).await?.success();
    Ok(died)
}
