//! Nodes that are away when a release comes, and return.

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tests::fixture::{Scene, eventually};

use super::{LONG, scene};

#[tokio::test]
async fn twenty_of_thirty_nodes_offline_hold_nobody_back_and_do_not_widen_the_budget() -> Result<()> {
    let scene = scene("two-thirds-away", 30, 3).await?;
    let agent = scene.deploy("agent", "50%").await?;
    let (away, here) = scene.nodes.split_at(20);
    scene.fleet().offline(away).await?;
    scene.fleet().await_ready(away, false, LONG).await?;
    agent.release("v2").await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.updated, status.units.offline), (10, 20), "{status:?}");
    let verdict = scene.finish_done().await?;
    assert!(verdict.most_started <= 5 && verdict.most_down <= 5, "{verdict}");
    let restarted: Vec<_> = verdict.restarts.keys().map(|(_, node)| node.clone()).collect();
    assert_eq!(restarted, here);

    // Late returners are caught up.
    let back = &away[..3];
    scene.fleet().online(back).await?;
    agent.await_ready("v2", 13, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 13, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_node_that_returns_is_upgraded_without_any_event_of_its_daemon_set() -> Result<()> {
    let scene = scene("return", 6, 1).await?;
    // Tolerating everything, no taint moves its desired number: what OpenYurt waits for never comes.
    let agent = scene.launch(&scene.daemon_set("agent", "50%").tolerate_everything()).await?;
    scene.await_phase("agent", 1, Phase::Completed, LONG).await?;
    let away = &scene.nodes[..2];
    scene.fleet().offline(away).await?;
    scene.fleet().await_ready(away, false, LONG).await?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    scene.finish_done().await?;
    scene.fleet().online(away).await?;
    agent.await_ready("v2", 6, LONG).await?;
    let verdict = scene.finish_done().await?;
    // In turn, one after the other: catching up has 10 % of 6 nodes. Both within seconds, on a machine that has nothing else to do.
    for node in away {
        let returned = verdict.returns.iter().find(|(returned, _)| returned == node);
        let (_, delay) = returned.with_context(|| format!("{node} is not known to have returned: {verdict}"))?;
        assert!(*delay < SignedDuration::from_secs(90), "{node} was restarted {delay:#} after it was reachable");
    }
    Ok(())
}

#[tokio::test]
async fn a_node_that_dies_while_its_pod_terminates_costs_one_slot_only() -> Result<()> {
    let scene = scene("dies-terminating", 12, 2).await?;
    let agent = scene.deploy("agent", "25%").await?;
    let dead = &scene.nodes[4];
    let pod = agent.pods_by_node().await?.remove(dead).context("no pod")?.name_any();
    stops_after(&scene, &pod, "60s").await?;
    agent.release("v2").await?;
    eventually("its termination", LONG, async || {
        let pods = agent.pods_by_node().await?;
        Ok(pods.get(dead).is_some_and(|pod| pod.metadata.deletion_timestamp.is_some()).then_some(()))
    })
    .await?;
    scene.fleet().offline(&[dead]).await?;
    // The others go on: the run is done without it, long before anybody brings it back.
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.settled, status.units.offline), (11, 1), "{status:?}");
    let stuck = agent.pods_by_node().await?.remove(dead).context("its pod is gone")?;
    assert_eq!(stuck.name_any(), pod, "its pod should still be terminating");
    stops_after(&scene, &pod, "0s").await?;
    scene.fleet().online(&[dead]).await?;
    agent.await_ready("v2", 12, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 12, "{verdict}");
    assert_eq!(verdict.lost_with("agent"), [dead.clone()].into());
    Ok(())
}

#[tokio::test]
async fn a_kubelet_that_reports_not_ready_is_as_good_as_away() -> Result<()> {
    let scene = scene("not-ready", 6, 1).await?;
    let agent = scene.deploy("agent", "50%").await?;
    let sick = &scene.nodes[..2];
    scene.fleet().not_ready(sick, true).await?;
    // Not only Unknown, which a busy kubelet would soon make Ready again.
    eventually("their kubelets to say so", LONG, async || {
        let nodes = scene.fleet().list().await?;
        let sick = nodes.iter().filter(|node| sick.contains(&node.name_any()));
        Ok((sick.filter(|node| says_not_ready(node)).count() == 2).then_some(()))
    })
    .await?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!(scene.finish_done().await?.deletes, 4);
    scene.fleet().not_ready(sick, false).await?;
    agent.await_ready("v2", 6, LONG).await?;
    assert_eq!(scene.finish_done().await?.deletes, 6);
    Ok(())
}

/// Whether a node's kubelet reports that it is not Ready.
fn says_not_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "False")
}

/// How long a pod takes to stop.
async fn stops_after(scene: &Scene<'_>, pod: &str, span: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let patch = json!({"metadata": {"annotations": {"drover.dev/stop-after": span}}});
    pods.patch_metadata(pod, &PatchParams::default(), &Patch::Merge(&patch)).await.context("annotating a pod")?;
    Ok(())
}
