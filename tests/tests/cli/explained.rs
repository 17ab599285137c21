//! `drover explain`: the planner's words, for a node and for a pool.

use anyhow::Result;
use api::fleet_rollout::Phase;

use super::user::says;
use super::{LONG, await_status, scene};

#[tokio::test]
async fn a_node_and_a_pool_are_explained_with_what_ends_it() -> Result<()> {
    let (scene, admin) = scene("why", 8, 2).await?;
    let agent = scene.deploy("agent", "2").await?;
    let cordoned = scene.nodes[7].as_str();
    scene.fleet().cordon(&[cordoned]).await?;
    says(&admin.asks(&["explain", &scene.nodes[0]]).await?, &["agent → revision 1", "in pool why-pool-1", "settled"])?;

    agent.release("v2").await?;
    await_status(&scene, 2, "all that can be moved", |status| status.units.settled == 7).await?;
    let words = ["in pool why-pool-2", "cordoned", "not moved: its node is cordoned", "→ kubectl uncordon"];
    says(&admin.asks(&["explain", cordoned, "ds/agent"]).await?, &words)?;
    let words =
        ["pool why-pool-2 of wave \"all\"", "1 unit not moved: its node is cordoned", cordoned, "only when somebody"];
    says(&admin.asks(&["explain", "why-pool-2", "agent"]).await?, &words)?;
    says(&admin.asks(&["explain", "why-pool-1", "agent"]).await?, &["nothing of it waits"])?;
    says(
        &admin.is_refused(&["explain", "nowhere"]).await?,
        &["neither a node nor a pool of agent", "kubectl get nodes -L"],
    )?;

    scene.fleet().uncordon(&[cordoned]).await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    await_status(&scene, 2, "the last one", |status| status.units.settled == 8).await?;
    scene.finish_done().await.map(drop)
}
