//! Waves that choose pools by the labels of their NodePools, in a cluster that comes to know NodePools while the updater runs.

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use proto::admin::v1::DumpRequest;
use proto::admin::v1::admin_service_client::AdminServiceClient;
use serde_json::{Value, json};
use tests::fixture::{Scene, eventually};
use xtask::paths;

use super::{LONG, SHARED, await_requests, decide, deploy, nodes_with, pools, scene, set, wave};

#[tokio::test]
async fn a_wave_takes_the_pools_whose_labels_match_when_it_opens() -> Result<()> {
    let scene = scene("labels", 8, 4).await?;
    let definition = paths::workspace().join("deploy/crds/nodepools.apps.openyurt.io.yaml");
    let definition = std::fs::read_to_string(&definition).with_context(|| definition.display().to_string())?;
    scene.bed.cluster.apply(&definition).await?;
    for (name, tier) in pools(&scene, 1..=4).iter().zip(["shop", "lab", "shop", "lab"]) {
        label(&scene, name, tier).await?;
    }
    await_known(4).await?;

    let lab = json!([{"name": "lab", "poolSelector": {"matchLabels": {"tier": "lab"}}, "approval": "AfterWave"}]);
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "waves": lab})).await?;
    agent.release("v2").await?;
    let request = await_requests(&scene, 2, 1).await?.remove(0);
    let status = scene.await_phase("agent", 2, Phase::AwaitingApproval, LONG).await?;
    let in_lab = pools(&scene, [2, 4]);
    assert_eq!(wave(&status, "lab")?.pools, in_lab);
    let nodes: Vec<String> = [&scene.nodes[2..4], &scene.nodes[6..]].concat();
    assert_eq!(nodes_with(&agent, "v2").await?, set(&nodes));
    // A wave that has opened keeps its pools, whatever becomes of their labels.
    label(&scene, &in_lab[0], "shop").await?;
    decide(&scene, &request, "Approved").await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!(wave(&status, "lab")?.pools, in_lab);
    scene.finish_done().await.map(drop)
}

/// Makes a NodePool with this label, or changes it.
async fn label(scene: &Scene<'_>, name: &str, tier: &str) -> Result<()> {
    let metadata = json!({"name": name, "labels": {"tier": tier}});
    let pool = json!({"apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool", "metadata": metadata, "spec": {}});
    scene.bed.cluster.apply(&pool.to_string()).await
}

/// Waits until the updater knows so many NodePools.
async fn await_known(count: usize) -> Result<()> {
    let (_, updater) = SHARED.get().context("no testbed")?;
    let mut client = AdminServiceClient::new(updater.admin_channel().await?);
    eventually("the NodePools in the updater's mirror", LONG, async || {
        let answer = client.dump(DumpRequest { sections: vec!["mirror".to_owned()] }).await.context("Dump")?;
        let section = answer.into_inner().sections.pop().context("no section")?;
        let mirror: Value = serde_json::from_str(&section.json)?;
        Ok((mirror["pools"] == json!(count)).then_some(()))
    })
    .await
}
