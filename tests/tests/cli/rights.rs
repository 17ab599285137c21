//! Users with few rights: they see what they may, and are told what they lack.

use anyhow::Result;
use api::fleet_rollout::Phase;
use serde_json::json;

use super::scene;
use super::user::{User, says};

#[tokio::test]
async fn who_may_little_is_told_what_is_missing() -> Result<()> {
    let (scene, _) = scene("rights", 4, 2).await?;
    scene.deploy("agent", "1").await?;
    let nobody = User::with_rules(&scene, "nobody", &json!([])).await?;
    let words = [
        "you may not list fleetrollouts.drover.dev in namespace rights",
        "→ ask for a Role with verb list on fleetrollouts of API group \"drover.dev\"",
    ];
    says(&nobody.is_refused(&["status"]).await?, &words)?;

    let rules = json!([
        {"apiGroups": ["drover.dev"], "resources": ["fleetrollouts"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["daemonsets", "controllerrevisions"], "verbs": ["get", "list"]},
    ]);
    let viewer = User::with_rules(&scene, "viewer", &rules).await?;
    let tree = viewer.does(&["status", "agent"]).await?;
    says(&tree, &["✔ Completed", "4/4", "pools are not shown: you may not list"])?;
    says(&viewer.does(&["history", "agent"]).await?, &["✔ Completed"])?;
    let words = ["you may not patch fleetrollouts.drover.dev in namespace rights", "→ ask for a Role with verb patch"];
    says(&viewer.is_refused(&["pause", "agent"]).await?, &words)?;
    says(&viewer.is_refused(&["explain", "rights-pool-1", "agent"]).await?, &["you may not list", "→ ask for a"])?;
    scene.await_phase("agent", 1, Phase::Completed, super::MINUTE).await?;
    scene.finish_done().await.map(drop)
}
