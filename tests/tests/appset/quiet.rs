//! A world that does not change is left alone, and one that does costs what it must.

use anyhow::{Result, ensure};
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{A_WHILE, estate};

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
    let before = estate.quiet(A_WHILE / 2).await?;
    let version = estate.read("web").await?["metadata"]["resourceVersion"].clone();
    for round in 0..3 {
        // What is nobody's business here: on a NodePool, on a workload, and counts of nodes.
        // (No annotation of a Deployment: it raises the generation, and until Kubernetes has looked the pool is not ready.)
        let beat = json!({"metadata": {"labels": {"beat": format!("{round}-{}", Timestamp::now().as_millisecond())}}});
        let beat = Patch::Merge(&beat);
        estate.node_pools().patch(&estate.pools[0], &PatchParams::default(), &beat).await?;
        let child = estate.child("web", &estate.pools[1]).await?;
        let name = child["metadata"]["name"].as_str().unwrap_or_default();
        estate.objects("apps/v1", "Deployment").patch(name, &PatchParams::default(), &beat).await?;
        estate.count_nodes(&estate.pools[2], 1, round).await?;
        tokio::time::sleep(A_WHILE / 3).await;
    }
    let writes = estate.writes()?;
    ensure!(writes.len() == before, "written for nothing: {:?}", &writes[before..]);
    assert_eq!(estate.read("web").await?["metadata"]["resourceVersion"], version);
    Ok(())
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
    ensure!((12..18).contains(&applies) && trials < 4, "{applies} applies and {trials} dry runs: {calls:?}");
    ensure!(count("patch yurtappsets/status") < 40, "{} status writes", count("patch yurtappsets/status"));
    let lists = calls.iter().filter(|call| call.verb == "list").count();
    ensure!(lists < 8, "{lists} lists: {calls:?}");
    Ok(())
}
