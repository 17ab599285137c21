//! Releases that take their node away, as a driver or network agent with a bad update does.
//!
//! A stage of kwok cannot change another object, so this watches: when a pod whose template says so runs, its node is
//! labelled offline. A pod does its damage once: a node that somebody brings back with the same pod on it stays.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt as _};
use tokio::task::{JoinHandle, JoinSet};

use crate::nodes::Nodes;
use crate::{daemonsets, stable};

/// `"true"`: the pod takes its node away when it runs.
pub const KILLS_NODE: &str = "drover.dev/kills-node";
/// Only so long after it runs, as seconds: `5s`.
pub const KILLS_NODE_AFTER: &str = "drover.dev/kills-node-after";
/// Only on every n-th node, by a hash of the node's name: the same nodes every time.
pub const KILLS_NODE_EVERY: &str = "drover.dev/kills-node-every";

/// After a failed watch; short, because a loss that comes late is another scenario.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Watches for such pods until it is dropped.
pub struct NodeKiller {
    killed: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl NodeKiller {
    /// Starts watching, on the runtime that calls this.
    pub fn spawn(client: Client) -> Self {
        let killed = Arc::<Mutex<Vec<String>>>::default();
        let watch = Watch {
            pods: Api::all(client.clone()),
            nodes: Nodes::new(client),
            seen: HashSet::new(),
            killed: killed.clone(),
            pending: JoinSet::new(),
        };
        Self { killed, task: tokio::spawn(watch.run()) }
    }

    /// The nodes taken away until now, in order.
    pub fn killed(&self) -> Vec<String> {
        self.killed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for NodeKiller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Watch {
    pods: Api<Pod>,
    nodes: Nodes,
    /// UIDs of the pods that have done their damage, or are about to.
    seen: HashSet<String>,
    killed: Arc<Mutex<Vec<String>>>,
    pending: JoinSet<()>,
}

impl Watch {
    async fn run(mut self) {
        loop {
            // The API server ends watches now and then; a list finds what was missed.
            if self.follow().await.is_err() {
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }

    async fn follow(&mut self) -> Result<()> {
        let list = self.pods.list(&ListParams::default()).await.context("listing pods")?;
        let version = list.metadata.resource_version.clone().unwrap_or_default();
        list.items.iter().for_each(|pod| self.look(pod));
        let mut events = self.pods.watch(&WatchParams::default(), &version).await.context("watching pods")?.boxed();
        while let Some(event) = events.try_next().await.context("watching pods")? {
            match event {
                WatchEvent::Added(pod) | WatchEvent::Modified(pod) => self.look(&pod),
                WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(_) => break,
            }
            while self.pending.try_join_next().is_some() {}
        }
        Ok(())
    }

    fn look(&mut self, pod: &Pod) {
        let Some(kill) = Kill::of(pod) else { return };
        if !self.seen.insert(kill.pod) {
            return;
        }
        let (nodes, killed) = (self.nodes.clone(), self.killed.clone());
        self.pending.spawn(async move {
            tokio::time::sleep(kill.after).await;
            while nodes.offline(&[&kill.node]).await.is_err() {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            killed.lock().unwrap_or_else(PoisonError::into_inner).push(kill.node);
        });
    }
}

/// What a pod does to its node.
struct Kill {
    pod: String,
    node: String,
    after: Duration,
}

impl Kill {
    fn of(pod: &Pod) -> Option<Self> {
        let says = |name: &str| pod.annotations().get(name).map(String::as_str);
        let runs =
            pod.status.as_ref()?.phase.as_deref() == Some("Running") && pod.metadata.deletion_timestamp.is_none();
        let node = daemonsets::node_of(pod)?;
        if !runs || says(KILLS_NODE) != Some("true") || !chosen(node, says(KILLS_NODE_EVERY)) {
            return None;
        }
        Some(Self {
            pod: pod.uid()?,
            node: node.to_owned(),
            after: says(KILLS_NODE_AFTER).map_or(Duration::ZERO, seconds),
        })
    }
}

/// Whether `node` is among every n-th.
fn chosen(node: &str, every: Option<&str>) -> bool {
    every
        .and_then(|every| every.parse().ok())
        .is_none_or(|every: u64| stable::hash(node.as_bytes()).is_multiple_of(every))
}

/// `5s`, `0.5s` or `5`.
fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').unwrap_or(text).parse().unwrap_or(0.0);
    Duration::try_from_secs_f64(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(phase: &str, annotations: &serde_json::Value) -> Pod {
        let metadata = json!({"uid": "u", "annotations": annotations});
        let pod =
            json!({"metadata": metadata, "spec": {"nodeName": "n", "containers": []}, "status": {"phase": phase}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn only_running_pods_that_say_so_kill() {
        assert!(Kill::of(&pod("Running", &json!({}))).is_none());
        assert!(Kill::of(&pod("Pending", &json!({KILLS_NODE: "true"}))).is_none());
        let kill = Kill::of(&pod("Running", &json!({KILLS_NODE: "true", KILLS_NODE_AFTER: "5s"}))).unwrap();
        assert_eq!((kill.node.as_str(), kill.after), ("n", Duration::from_secs(5)));
    }

    #[test]
    fn about_every_tenth_node_is_chosen_and_always_the_same() {
        let nodes: Vec<String> = (1..=1000).map(|n| format!("node-{n:03}")).collect();
        let chosen = |every| nodes.iter().filter(|node| chosen(node, every)).count();
        assert!((60..=140).contains(&chosen(Some("10"))), "{}", chosen(Some("10")));
        assert_eq!(chosen(None), 1000);
        assert_eq!(chosen(Some("1")), 1000);
    }
}
