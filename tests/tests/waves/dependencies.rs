//! What goes first is a matter of a service that is not there: nobody can tell, so nothing starts.

use anyhow::Result;
use api::fleet_rollout::Phase;
use serde_json::json;

use super::{A_WHILE, LONG, await_hold, deploy, run, scene, tell_strategy};

#[tokio::test]
async fn a_dependency_that_nobody_can_tell_of_holds_the_run() -> Result<()> {
    let scene = scene("depends", 4, 2).await?;
    let gateway =
        json!({"apiVersion": "apps.openyurt.io/v1beta1", "kind": "YurtAppSet", "name": "gateway", "scope": "SamePool"});
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "dependsOn": [gateway]})).await?;
    agent.release("v2").await?;
    let sentence = await_hold(&scene, 2, "Dependency").await?;
    assert!(sentence.contains("not known whether YurtAppSet gateway is up to date"), "{sentence}");
    assert_eq!(scene.no_more_deletes(A_WHILE).await?, 0);
    // A strategy without it lets the next revision through.
    tell_strategy(&scene, &json!({"maxUnavailable": "50%"})).await?;
    agent.release("v3").await?;
    scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    assert_eq!(run(&scene, 2).await?.status.map(|status| status.phase), Some(Phase::Superseded));
    scene.finish_done().await.map(drop)
}
