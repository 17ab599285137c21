//! A world that does not change is left alone, and one that does costs what it must.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tests::fixture::{Estate, eventually};

use super::{A_WHILE, MINUTE, estate};

/// Where OpenYurt begins to write its status for ever: nine pools. A few more.
const POOLS: u32 = 12;

/// There the status is written for ever from nine pools on, because it names them in random order.
#[tokio::test]
async fn item_2_an_unchanged_set_is_not_written() -> Result<()> {
    let estate = estate("quiet", POOLS).await?;
    let set = estate.deploy(&estate.app_set("web"), 12).await?;
    let message =
        "There are 12 matched nodepools: [quiet-pool-1 quiet-pool-10 quiet-pool-11 quiet-pool-12 quiet-pool-2";
    assert!(tests::fixture::says(&set, "PoolFound", "True", &["FindPools", message]), "{set}");
    let (mut round, mut before, mut since) = (0, usize::MAX, Instant::now());
    eventually("a while without a write", 2 * MINUTE, async || {
        let writes = estate.writes()?.len();
        if writes != before {
            (before, since) = (writes, Instant::now());
        }
        round += 1;
        touch(&estate, round).await?;
        Ok((since.elapsed() >= 2 * A_WHILE).then_some(()))
    })
    .await
}

/// Changes what is nobody's business here: on a NodePool, on a workload, and counts of nodes.
///
/// No annotation of a Deployment: it raises the generation, and until Kubernetes has looked the pool is not ready.
async fn touch(estate: &Estate<'_>, round: u32) -> Result<()> {
    let beat = json!({"metadata": {"labels": {"beat": round.to_string()}}});
    let beat = Patch::Merge(&beat);
    let child = estate.child("web", &estate.pools[1]).await?;
    let name = child["metadata"]["name"].as_str().context("a name")?;
    estate.node_pools().patch(&estate.pools[0], &PatchParams::default(), &beat).await?;
    estate.objects("apps/v1", "Deployment").patch(name, &PatchParams::default(), &beat).await?;
    estate.count_nodes(&estate.pools[2], 1, round).await
}

/// There each status of each workload costs a list of all Deployments and all revisions, and a status write: for 20 pools 527 of
/// them. The numbers here are for a slow machine; `cargo xtask bench appset` has the narrow ones.
#[tokio::test]
async fn item_12_a_release_costs_one_write_for_each_pool_and_no_lists() -> Result<()> {
    let estate = estate("cost", POOLS).await?;
    let set = estate.app_set("web").replicas(2);
    estate.deploy(&set, 12).await?;
    estate.quiet(A_WHILE / 2).await?;
    let before = estate.calls()?.len();
    estate.deploy(&set.tag("v2"), 12).await?;
    estate.quiet(A_WHILE / 2).await?;
    let calls = &estate.calls()?[before..];
    let count = |kind: &str| calls.iter().filter(|call| call.kind() == kind).count();
    let (applies, trials) = (count("patch deployments"), count("dry run: patch deployments"));
    ensure!((12..24).contains(&applies) && trials < 8, "{applies} applies and {trials} dry runs: {calls:?}");
    ensure!(count("patch yurtappsets/status") < 80, "{} status writes", count("patch yurtappsets/status"));
    let lists = calls.iter().filter(|call| call.verb == "list").count();
    ensure!(lists < 12, "{lists} lists: {calls:?}");
    Ok(())
}
