//! The ideal client: it is told when to begin and how many pods may be down, and deletes. It knows nothing of nodes, losses,
//! leases or status, and pays for none of it. A process of its own; its orders come on stdin.

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::path::Path;
use std::pin::pin;

use anyhow::{Context as _, Result, bail};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::api::{DeleteParams, Preconditions, Request, WatchEvent};
use kube::client::Body;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::slim::{self, Slim};
use super::stage::NAMESPACE;

/// Deletes under way at once, as many as daemon-updater has.
const AT_ONCE: usize = 16;

/// What it says when it knows every pod.
pub(super) const LISTED: &str = "listed";

/// Which pods are to be deleted, and how many may be now.
#[derive(Debug, Default)]
struct Plan {
    /// Pods to delete, by UID.
    old: BTreeMap<Box<str>, Box<str>>,
    /// UIDs of pods that free no slot: those from before, and those that freed theirs.
    spent: HashSet<Box<str>>,
    slots: usize,
    begun: bool,
}

impl Plan {
    fn take(&mut self, event: WatchEvent<Slim>) -> Result<()> {
        match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) if !self.begun => {
                self.old.insert(pod.metadata.uid, pod.metadata.name);
            }
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
                if pod.is_ready() && !self.spent.contains(&pod.metadata.uid) {
                    self.spent.insert(pod.metadata.uid);
                    self.slots += 1;
                }
            }
            WatchEvent::Deleted(pod) => drop(self.old.remove(&pod.metadata.uid)),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => bail!("the watch failed: {status:?}"),
        }
        Ok(())
    }

    /// Every pod that is there is old; so many may be down at once.
    fn begin(&mut self, slots: usize) {
        self.spent = self.old.keys().cloned().collect();
        self.slots = slots;
        self.begun = true;
    }

    /// UID and name of the next pod to delete.
    fn next(&mut self) -> Option<(Box<str>, Box<str>)> {
        let next = (self.slots > 0).then(|| self.old.pop_first())??;
        self.slots -= 1;
        Some(next)
    }
}

/// Runs until stdin ends. An order is a line with the number of slots; it means every pod that is there.
pub async fn run(kubeconfig: &Path) -> Result<()> {
    let client = slim::client(kubeconfig).await?;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    let mut events = pin!(slim::follow(&client, &path, None).await?);
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut deletes = FuturesUnordered::new();
    let mut plan = Plan::default();
    loop {
        while deletes.len() < AT_ONCE
            && let Some((uid, name)) = plan.next()
        {
            deletes.push(delete(&client, &path, uid, name));
        }
        tokio::select! {
            event = events.next() => {
                let event = event.context("the watch ended")??;
                if slim::ends_list(&event) {
                    writeln!(std::io::stdout(), "{LISTED}")?;
                }
                plan.take(event)?;
            }
            Some(deleted) = deletes.next() => deleted?,
            order = orders.next_line() => match order? {
                Some(slots) => plan.begin(slots.trim().parse().context("an order that is no number")?),
                None => return Ok(()),
            },
        }
    }
}

/// Deletes a pod; the answer, the whole pod, is read off the connection and not looked at.
async fn delete(client: &Client, path: &str, uid: Box<str>, name: Box<str>) -> Result<()> {
    let preconditions = Preconditions { uid: Some(uid.into()), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    let request = Request::new(path).delete(&name, &params)?;
    let answer = client.send(request.map(Body::from)).await?;
    let status = answer.status();
    if !status.is_success() {
        bail!("deleting {name}: {status}");
    }
    let mut body = answer.into_body().into_data_stream();
    while let Some(chunk) = body.next().await {
        chunk?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str, ready: bool) -> WatchEvent<Slim> {
        let ready = if ready { "True" } else { "False" };
        let text = format!(
            r#"{{"type":"MODIFIED","object":{{"metadata":{{"name":"p-{uid}","uid":"{uid}"}},"status":{{"conditions":[{{"type":"Ready","status":"{ready}"}}]}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_slot_is_freed_once_by_each_new_pod_that_is_ready() {
        let mut plan = Plan::default();
        for uid in ["1", "2", "3"] {
            plan.take(pod(uid, true)).unwrap();
        }
        assert_eq!(plan.next(), None, "not begun");
        plan.begin(1);
        assert_eq!(plan.next().unwrap().0.as_ref(), "1");
        assert_eq!(plan.next(), None);
        for event in [pod("2", true), pod("1", true), pod("4", false)] {
            plan.take(event).unwrap();
        }
        assert_eq!(plan.next(), None, "old pods free nothing, nor do new ones that are not Ready");
        plan.take(pod("4", true)).unwrap();
        plan.take(pod("4", true)).unwrap();
        assert_eq!(plan.next().unwrap().0.as_ref(), "2");
        assert_eq!(plan.next(), None);
    }
}
