//! How many units are down at once, and which go first.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use api::names::reason;
use kube::api::PatchParams;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tests::fixture::{Scene, eventually};
use tokio::task::JoinHandle;
use xtask::daemonsets::{Daemon, is_ready};

use super::{LONG, scene};

#[tokio::test]
async fn a_release_reaches_every_node_within_its_budget() -> Result<()> {
    let scene = scene("happy", 30, 3).await?;
    let agent = scene.deploy("agent", "10%").await?;
    agent.release("v2").await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.desired, status.units.updated, status.units.settled), (30, 30, 30));
    agent.await_ready("v2", 30, Duration::ZERO).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 30);
    assert!(verdict.restarts.values().all(|restarts| *restarts == 1), "{verdict}");
    assert!(verdict.most_down <= 3, "{verdict}");

    let completed = scene.await_event("agent", reason::COMPLETED, LONG).await?;
    assert_eq!(completed.type_.as_deref(), Some("Normal"));
    let deleted = scene.events("agent", reason::SUCCESSFUL_DELETE).await?;
    assert!(deleted.iter().any(|event| event.note.as_deref().is_some_and(|note| note.starts_with("Deleted "))));
    // A storm of deletes is no storm of events, nor of status writes: at most one of each a second.
    let seconds = usize::try_from(verdict.duration.as_secs())? + 5;
    let told = verdict.calls_of("create events") + verdict.calls_of("patch events");
    assert!(told <= seconds && verdict.calls_of("patch fleetrollouts/status") <= 2 * seconds, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_release_that_never_gets_ready_takes_no_more_than_the_budget() -> Result<()> {
    let scene = scene("never-ready", 30, 3).await?;
    let agent = scene.deploy("agent", "10%").await?;
    agent.release("broken").await?;
    let status = scene.await_phase("agent", 2, Phase::Halted, LONG).await?;
    let halt = status.halt.context("a halted run without its reason")?;
    assert!(matches!(halt.reason.as_str(), "Failures" | "NoSlotLeft"), "{halt:?}");
    let event = scene.await_event("agent", reason::HALTED, LONG).await?;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    assert!(scene.no_more_deletes(Duration::from_secs(3)).await? <= 3);

    // Halted is sticky; a fixed template ends it, and the broken units go first.
    agent.release("v3").await?;
    scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert!(verdict.most_down <= 3, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_broken_release_right_after_another_takes_no_more_either() -> Result<()> {
    let scene = scene("in-a-hurry", 20, 2).await?;
    // Its first pods are Ready and have not settled.
    let agent = scene.launch(&scene.daemon_set("agent", "10%")).await?;
    agent.release("broken").await?;
    scene.await_phase("agent", 2, Phase::Halted, LONG).await?;
    scene.no_more_deletes(Duration::from_secs(3)).await?;
    let verdict = scene.finish_open()?;
    assert!(verdict.deletes <= 2, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn pods_that_were_broken_before_go_first_and_block_nobody() -> Result<()> {
    let scene = scene("broken-before", 12, 2).await?;
    let agent = scene.deploy("agent", "2").await?;
    let broken: Vec<String> = scene.nodes[..5].to_vec();
    let all = keep_broken(&scene, &agent, &broken);
    eventually("five broken pods", LONG, async || {
        let pods = agent.pods_by_node().await?;
        Ok(broken.iter().all(|node| pods.get(node).is_some_and(|pod| !is_ready(pod))).then_some(()))
    })
    .await?;
    drop(all);
    // Pods and DaemonSets are two streams: what the updater says of another DaemonSet's pods now, it says when it knows of these.
    let pods = agent.pods_by_node().await?;
    let of: BTreeMap<String, String> = pods.into_iter().map(|(node, pod)| (pod.name_any(), node)).collect();
    scene.deploy("later", "1").await?;
    // Two of them stay so with whatever runs there: as many as the budget lets be down. They are broken before they are ready.
    let _two = keep_broken(&scene, &agent, &broken[..2]);
    agent.release_with("v2", &[("drover.dev/ready-after", Some("3s"))]).await?;
    scene.await_deletes(2).await?;
    let begun = first_deleted(&scene, 2)?;
    assert!(begun.iter().all(|pod| of.get(pod).is_some_and(|node| broken.contains(node))), "not broken: {begun:?}");
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.updated, status.units.pre_existing, status.units.failed), (12, 2, 0), "{status:?}");
    let verdict = scene.finish_open()?;
    assert_eq!(verdict.deletes, 12);
    Ok(())
}

/// The names of the first pods, so many, that the updater deleted here.
fn first_deleted(scene: &Scene<'_>, count: usize) -> Result<Vec<String>> {
    scene.bed.calls(|calls| {
        let mine = calls.iter().filter(|call| call.namespace == scene.namespace && call.kind() == "delete pods");
        let mut mine: Vec<_> =
            mine.filter(|call| call.user == scene.rules.updater.user && call.is_accepted()).collect();
        mine.sort_by_key(|call| call.received);
        mine.into_iter().take(count).map(|call| call.name.clone()).collect()
    })
}

/// Breaks the pods on these nodes, and whatever replaces them.
fn keep_broken(scene: &Scene<'_>, daemon: &Daemon, nodes: &[String]) -> Breaking {
    let (daemon, nodes) = (daemon.clone(), nodes.to_vec());
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let patch = json!({"metadata": {"annotations": {"drover.dev/broken": "true"}}});
    Breaking(tokio::spawn(async move {
        loop {
            let found = daemon.pods_by_node().await.unwrap_or_default();
            for pod in nodes.iter().filter_map(|node| found.get(node)) {
                let known = pod.metadata.annotations.as_ref().is_some_and(|all| all.contains_key("drover.dev/broken"));
                if !known && let Some(name) = &pod.metadata.name {
                    // It may be gone by now; then its successor is seen next time.
                    let _ = pods.patch_metadata(name, &PatchParams::default(), &kube::api::Patch::Merge(&patch)).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }))
}

/// Ends with its test.
struct Breaking(JoinHandle<()>);

impl Drop for Breaking {
    fn drop(&mut self) {
        self.0.abort();
    }
}
