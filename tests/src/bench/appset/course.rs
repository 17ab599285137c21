//! What the watcher sees of the workloads.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{Stream, StreamExt as _};
use kube::Client;
use kube::api::WatchEvent;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};

use super::ledger::Writer;
use crate::bench::slim;

const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Follows all Deployments until it is dropped.
pub(super) struct Course {
    seen: Arc<Mutex<Seen>>,
    /// A thread of its own: the API server ends the watch of who reads too slowly, and the audit log takes its time to read. On a busy
    /// machine it ends it all the same, and it is taken up where it ended.
    runtime: Option<Runtime>,
}

#[derive(Debug, Default)]
struct Seen {
    /// By namespace and name.
    workloads: BTreeMap<String, HashMap<String, Workload>>,
    /// MODIFIED events, by namespace.
    modified: BTreeMap<String, u64>,
    /// The version of the last event.
    version: String,
    /// Why nothing more is seen.
    failed: Option<String>,
}

/// A Deployment, without what nobody here needs.
#[derive(Clone, Debug, Deserialize)]
struct Workload {
    metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    generation: i64,
    resource_version: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Spec {
    replicas: i64,
    template: Template,
}

#[derive(Clone, Debug, Deserialize)]
struct Template {
    spec: PodSpec,
}

#[derive(Clone, Debug, Deserialize)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Deserialize)]
struct Container {
    image: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: i64,
    replicas: i64,
    updated_replicas: i64,
    available_replicas: i64,
}

impl Course {
    /// Follows from now on.
    pub(super) async fn follow(kubeconfig: &Path) -> Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().context("starting a runtime")?;
        let (seen, kubeconfig) = (Arc::<Mutex<Seen>>::default(), kubeconfig.to_owned());
        let began = runtime.spawn({
            let seen = seen.clone();
            async move {
                let client = slim::client(&kubeconfig).await?;
                let events = slim::follow::<Workload>(&client, DEPLOYMENTS, None).await?;
                tokio::spawn(take_all(client, events, seen));
                anyhow::Ok(())
            }
        });
        began.await.context("following Deployments")??;
        Ok(Self { seen, runtime: Some(runtime) })
    }

    /// How many MODIFIED events there were in a namespace.
    pub(super) fn modified(&self, namespace: &str) -> u64 {
        self.look(|seen| seen.modified.get(namespace).copied().unwrap_or_default())
    }

    /// Waits until so many workloads of a namespace run this image, and nothing else.
    pub(super) async fn await_rolled_out(
        &self,
        namespace: &str,
        image: &str,
        pools: u32,
        patience: Duration,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let (there, done) = self.look(|seen| match &seen.failed {
                Some(why) => bail!("nothing is seen any more: {why}"),
                None => Ok(seen.count(namespace, image)),
            })?;
            if done == pools as usize && there == done {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "after {patience:?} {done} of {there} workloads in {namespace} run {image}, {pools} are wanted"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// An error unless there is one workload with this image for each pool of a writer, and no other.
    pub(super) fn check(&self, writer: Writer, image: &str, pools: u32) -> Result<()> {
        let (there, done) = self.look(|seen| seen.count(writer.namespace(), image));
        ensure!(
            (there, done) == (pools as usize, pools as usize),
            "{}: {there} workloads, {done} of them run {image}, for {pools} pools",
            writer.name()
        );
        Ok(())
    }

    fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Course {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Seen {
    fn take(&mut self, event: Result<WatchEvent<Workload>>) -> Result<()> {
        match event? {
            WatchEvent::Added(workload) => self.put(workload),
            WatchEvent::Modified(workload) => {
                *self.modified.entry(workload.metadata.namespace.clone()).or_default() += 1;
                self.put(workload);
            }
            WatchEvent::Deleted(Workload { metadata, .. }) => {
                self.workloads.entry(metadata.namespace).or_default().remove(&metadata.name);
                self.version = metadata.resource_version;
            }
            WatchEvent::Bookmark(bookmark) => self.version = bookmark.metadata.resource_version,
            WatchEvent::Error(status) => return Err(*status).context("watching Deployments"),
        }
        Ok(())
    }

    fn put(&mut self, workload: Workload) {
        let Metadata { name, namespace, resource_version, .. } = workload.metadata.clone();
        self.version = resource_version;
        self.workloads.entry(namespace).or_default().insert(name, workload);
    }

    /// How many workloads there are in a namespace, and how many of them run this image and nothing else.
    fn count(&self, namespace: &str, image: &str) -> (usize, usize) {
        let Some(workloads) = self.workloads.get(namespace) else { return (0, 0) };
        (workloads.len(), workloads.values().filter(|workload| workload.runs(image)).count())
    }
}

impl Workload {
    fn runs(&self, image: &str) -> bool {
        let Status { observed_generation, replicas, updated_replicas, available_replicas } = self.status;
        let asked = self.spec.template.spec.containers.iter().all(|container| container.image == image);
        let complete =
            [replicas, updated_replicas, available_replicas].iter().all(|count| *count == self.spec.replicas);
        asked && observed_generation == self.metadata.generation && complete
    }
}

async fn take_all(client: Client, events: impl Stream<Item = Result<WatchEvent<Workload>>>, seen: Arc<Mutex<Seen>>) {
    let locked = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    let mut ended = take(events, &seen).await;
    while ended.is_ok() {
        let version = locked().version.clone();
        ended = match slim::follow_from(&client, DEPLOYMENTS, &version).await {
            Ok(events) => take(events, &seen).await,
            Err(error) => Err(error),
        };
    }
    locked().failed = ended.err().map(|error| format!("{error:#}"));
}

/// Takes events until the watch ends.
async fn take(events: impl Stream<Item = Result<WatchEvent<Workload>>>, seen: &Mutex<Seen>) -> Result<()> {
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        seen.lock().unwrap_or_else(PoisonError::into_inner).take(event)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, image: &str, observed: i64) -> Result<WatchEvent<Workload>> {
        Ok(serde_json::from_value(json!({"type": kind, "object": {
            "metadata": {"name": "web-a", "namespace": "bench", "generation": 2, "resourceVersion": "7"},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": image}]}}},
            "status": {"observedGeneration": observed, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
        }}))?)
    }

    #[test]
    fn a_workload_runs_an_image_when_its_controller_has_seen_it() {
        let mut seen = Seen::default();
        seen.take(event("ADDED", "v2", 1)).unwrap();
        assert_eq!(seen.count("bench", "v2"), (1, 0), "what is counted is of the generation before");
        seen.take(event("MODIFIED", "v2", 2)).unwrap();
        assert_eq!(seen.count("bench", "v2"), (1, 1));
        assert_eq!((seen.count("bench", "v1"), seen.count("other", "v2")), ((1, 0), (0, 0)));
        assert_eq!((seen.modified.get("bench"), &*seen.version), (Some(&1), "7"));
        seen.take(event("DELETED", "v2", 2)).unwrap();
        assert_eq!(seen.count("bench", "v2"), (0, 0));
    }
}
