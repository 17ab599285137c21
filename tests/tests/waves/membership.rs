//! Pools that come, go and lose their nodes in the middle of a run.

use std::collections::BTreeSet;

use anyhow::Result;
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use serde_json::json;
use tests::fixture::{Scene, eventually};
use xtask::nodes::POOL_LABEL;

use super::{LONG, await_requests, await_status, decide, deploy, nodes_with, pools, scene, set, wave};

#[tokio::test]
async fn pools_added_removed_and_emptied_in_the_middle_of_a_run_have_their_place() -> Result<()> {
    let scene = scene("membership", 12, 4).await?;
    let waves = json!([
        {"name": "canary", "pools": pools(&scene, [1]), "approval": "AfterWave"},
        {"name": "second", "pools": pools(&scene, [2, 3]), "approval": "AfterWave"},
    ]);
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "waves": waves})).await?;
    agent.release("v2").await?;
    let request = await_requests(&scene, 2, 1).await?.remove(0);
    let [two, three, late] = ["pool-2", "pool-3", "late"].map(|pool| format!("{}-{pool}", scene.namespace));
    await_waiting(&scene, &[&two, &three]).await?;

    // The second pool is emptied into the third, the last one dissolved: one node of it becomes a pool of its own.
    scene.fleet().label(&scene.nodes[3..6], POOL_LABEL, Some(&three)).await?;
    scene.fleet().label(&scene.nodes[9..10], POOL_LABEL, Some(&late)).await?;
    scene.fleet().label(&scene.nodes[10..], POOL_LABEL, None).await?;
    await_waiting(&scene, &[&three]).await?;
    decide(&scene, &request, "Approved").await?;
    let requests = await_requests(&scene, 2, 2).await?;
    let second = requests.into_iter().find(|name| *name != request).unwrap_or_default();
    let status = scene.await_phase("agent", 2, Phase::AwaitingApproval, LONG).await?;
    assert_eq!(wave(&status, "second")?.pools, std::slice::from_ref(&three));
    assert_eq!(nodes_with(&agent, "v2").await?, set(&scene.nodes[..9]));
    await_waiting(&scene, &["", &late]).await?;

    // Who moves into a pool whose wave is over is caught up, without waiting for the others.
    scene.fleet().label(&scene.nodes[9..10], POOL_LABEL, Some(&three)).await?;
    eventually("the node that moved", LONG, async || {
        Ok((nodes_with(&agent, "v2").await? == set(&scene.nodes[..10])).then_some(()))
    })
    .await?;
    await_waiting(&scene, &[""]).await?;
    decide(&scene, &second, "Approved").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!((verdict.deletes, verdict.restarts.len()), (12, 12), "{verdict}");
    Ok(())
}

/// Waits until these pools, and no others, wait for the decision.
async fn await_waiting(scene: &Scene<'_>, pools: &[&str]) -> Result<()> {
    let expected: BTreeSet<&str> = pools.iter().copied().collect();
    let waiting = |status: &FleetRolloutStatus| {
        let known: BTreeSet<&str> = status.attention.iter().map(|attention| attention.pool.as_str()).collect();
        status.phase == Phase::AwaitingApproval && known == expected
    };
    await_status(scene, 2, &format!("the pools {pools:?} to wait"), waiting).await.map(drop)
}
