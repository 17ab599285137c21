//! DaemonSets that depend on DaemonSets, live.

use anyhow::{Result, ensure};
use api::fleet_rollout::Phase;
use api::names;
use serde_json::json;

use super::{A_WHILE, LONG, after, await_hold, await_nodes, bed, deploy, pool, strategy};

#[tokio::test]
async fn pool_by_pool_or_all_at_once_after_what_goes_first() -> Result<()> {
    let bed = bed().await?;
    let scene = bed.testbed.scene("gateways", 6, 2).await?;
    let gateway = deploy(&scene, "gateway", json!({"maxUnavailable": "50%"})).await?;
    let (near, last) = tokio::try_join!(
        deploy(&scene, "near", after("DaemonSet", "gateway", "SamePool")),
        deploy(&scene, "last", after("DaemonSet", "gateway", "AllPools")),
    )?;

    // The gateway rests after its first pool.
    let waves = json!([{"name": "first", "pools": [pool(&scene, 1)], "soakSeconds": 3_600}]);
    strategy(&scene, "gateway", json!({"maxUnavailable": "50%", "waves": waves})).await?;
    gateway.release("v2").await?;
    scene.await_phase("gateway", 2, Phase::Soaking, LONG).await?;
    tokio::try_join!(near.release("v2"), last.release("v2"))?;
    await_nodes(&near, "near", "v2", &scene.nodes[..3]).await?;
    await_hold(&scene, "near", "it waits until DaemonSet gateway is up to date in its pool").await?;
    await_hold(&scene, "last", "it waits until DaemonSet gateway is up to date in all pools").await?;
    ensure!(scene.no_more_deletes(A_WHILE).await? == 3 + 3, "three gateways and the three near them");

    // It goes on, and so do those that waited, without being asked to.
    scene.tell_run("gateway", &json!({"promotedThrough": "first"})).await?;
    for name in ["gateway", "near", "last"] {
        scene.await_phase(name, 2, Phase::Completed, LONG).await?;
    }
    let verdict = scene.finish_done().await?;
    ensure!(verdict.deletes == 18, "{verdict}");
    Ok(())
}

/// Rule 8. No event tells the second one that the first is done with the nodes on which both are.
#[tokio::test]
async fn who_found_all_nodes_busy_goes_on_when_they_are_not() -> Result<()> {
    let bed = bed().await?;
    let scene = bed.testbed.scene("shared", 2, 1).await?;
    let all_at_once = || json!({"maxUnavailable": "100%", "slowStart": "None"});
    let (one, other) = tokio::try_join!(deploy(&scene, "one", all_at_once()), deploy(&scene, "other", all_at_once()))?;
    tokio::try_join!(one.release("v2"), other.release("v2"))?;
    for name in ["one", "other"] {
        scene.await_phase(name, 2, Phase::Completed, LONG).await?;
    }
    let verdict = scene.finish_done().await?;
    ensure!(verdict.deletes == 4, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_or_not_upgraded_by_drover_holds_and_says_so() -> Result<()> {
    let bed = bed().await?;
    let scene = bed.testbed.scene("absent", 4, 2).await?;
    let (early, other) = tokio::try_join!(
        deploy(&scene, "early", after("DaemonSet", "gateway", "SamePool")),
        deploy(&scene, "other", after("DaemonSet", "rolling", "SamePool")),
    )?;
    scene
        .launch(&scene.daemon_set("rolling", "50%").rolling_update().annotation(names::UPDATE_STRATEGY, "OTA"))
        .await?;
    tokio::try_join!(early.release("v2"), other.release("v2"))?;
    await_hold(&scene, "early", "it waits until DaemonSet gateway is up to date").await?;
    await_hold(&scene, "other", "it is not known whether DaemonSet rolling is up to date").await?;
    ensure!(scene.no_more_deletes(A_WHILE).await? == 0);
    // It is made, its first pods settle, and who waited for it goes.
    scene.launch(&scene.daemon_set("gateway", "50%")).await?;
    scene.await_phase("early", 2, Phase::Completed, LONG).await?;
    ensure!(scene.no_more_deletes(A_WHILE).await? == 4, "the other one still waits");
    scene.finish_open().map(drop)
}
