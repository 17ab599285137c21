//! The fleet: kwok nodes in pools, and what can happen to them.

mod shape;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

pub use self::shape::{Fleet, POOL_LABEL, is_ready, pool_of};

/// The label by which kwok lets go of a node.
pub const OFFLINE_LABEL: &str = "drover.dev/offline";
/// The annotation by which a node's kubelet reports that it is not ready.
pub const NOT_READY_ANNOTATION: &str = "drover.dev/not-ready";

/// How many nodes are changed at once.
const PARALLEL: usize = 32;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The nodes of a cluster.
#[derive(Clone)]
pub struct Nodes {
    api: Api<Node>,
}

impl Nodes {
    /// The nodes that `client` sees.
    pub fn new(client: Client) -> Self {
        Self { api: Api::all(client) }
    }

    /// Makes the nodes of `fleet` and waits until all are Ready. Nodes that are there already are left as they are.
    pub async fn create(&self, fleet: &Fleet) -> Result<()> {
        let nodes = fleet.nodes();
        let names: Vec<String> = nodes.iter().map(kube::ResourceExt::name_any).collect();
        stream::iter(nodes).map(|node| self.add(node)).buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await?;
        // A tenth of a second a node on a busy machine, and some minutes for anything else.
        let patience = Duration::from_mins(3) + Duration::from_millis(100) * u32::try_from(names.len())?;
        self.await_ready(&names, true, patience).await
    }

    /// All nodes, in the order of their names.
    pub async fn list(&self) -> Result<Vec<Node>> {
        let mut nodes = self.api.list(&ListParams::default()).await.context("listing nodes")?.items;
        nodes.sort_by_key(kube::ResourceExt::name_any);
        Ok(nodes)
    }

    /// The names of the Ready nodes.
    pub async fn ready(&self) -> Result<BTreeSet<String>> {
        Ok(self.list().await?.iter().filter(|node| is_ready(node)).map(kube::ResourceExt::name_any).collect())
    }

    /// Cuts the nodes off as a power cut would: no lease, no status, nothing starts or stops on them. They are `NotReady` when
    /// the grace period is over.
    pub async fn offline(&self, names: &[impl AsRef<str> + Sync]) -> Result<()> {
        self.each(names, &json!({"metadata": {"labels": {OFFLINE_LABEL: "true"}}})).await
    }

    /// Brings nodes back; they are Ready within a second or two.
    pub async fn online(&self, names: &[impl AsRef<str> + Sync]) -> Result<()> {
        self.each(names, &json!({"metadata": {"labels": {OFFLINE_LABEL: Value::Null}}})).await
    }

    /// Makes kubelets that are alive report `not_ready`, or stop doing so.
    pub async fn not_ready(&self, names: &[impl AsRef<str> + Sync], not_ready: bool) -> Result<()> {
        let value = if not_ready { json!("true") } else { Value::Null };
        self.each(names, &json!({"metadata": {"annotations": {NOT_READY_ANNOTATION: value}}})).await
    }

    /// As `kubectl cordon` does.
    pub async fn cordon(&self, names: &[impl AsRef<str> + Sync]) -> Result<()> {
        self.each(names, &json!({"spec": {"unschedulable": true}})).await
    }

    /// As `kubectl uncordon` does.
    pub async fn uncordon(&self, names: &[impl AsRef<str> + Sync]) -> Result<()> {
        self.each(names, &json!({"spec": {"unschedulable": Value::Null}})).await
    }

    /// Sets or removes (`None`) a label.
    pub async fn label(&self, names: &[impl AsRef<str> + Sync], label: &str, value: Option<&str>) -> Result<()> {
        self.each(names, &json!({"metadata": {"labels": {label: value}}})).await
    }

    /// Deletes nodes; their pods follow by the pod garbage collector.
    pub async fn delete(&self, names: &[impl AsRef<str> + Sync]) -> Result<()> {
        for name in names {
            let name = name.as_ref();
            self.api.delete(name, &DeleteParams::default()).await.with_context(|| format!("deleting node {name}"))?;
        }
        Ok(())
    }

    /// Deletes a node and adds another one of the same name, pool and labels, with a new UID; waits until it is Ready.
    pub async fn replace(&self, name: &str) -> Result<()> {
        let old = self.api.get(name).await.with_context(|| format!("reading node {name}"))?;
        self.delete(&[name]).await?;
        self.add(shape::again(&old)).await?;
        self.await_ready(&[name], true, Duration::from_mins(3)).await
    }

    /// Waits until each of the nodes is Ready, or none is.
    pub async fn await_ready(&self, names: &[impl AsRef<str> + Sync], ready: bool, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let now = self.ready().await?;
            let late: Vec<&str> = names.iter().map(AsRef::as_ref).filter(|name| now.contains(*name) != ready).collect();
            if late.is_empty() {
                return Ok(());
            }
            let wanted = if ready { "Ready" } else { "NotReady" };
            ensure!(
                Instant::now() < deadline,
                "{} of {} nodes not {wanted} after {patience:?}: {late:?}",
                late.len(),
                names.len()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn add(&self, node: Node) -> Result<()> {
        match self.api.create(&PostParams::default(), &node).await {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            made => made.map(drop).with_context(|| format!("making node {}", node.name_any())),
        }
    }

    async fn each(&self, names: &[impl AsRef<str> + Sync], patch: &Value) -> Result<()> {
        let names: Vec<String> = names.iter().map(|name| name.as_ref().to_owned()).collect();
        stream::iter(names)
            .map(|name| async move {
                let changed = self.api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(patch)).await;
                changed.map(drop).with_context(|| format!("changing node {name}"))
            })
            .buffer_unordered(PARALLEL)
            .try_collect()
            .await
    }
}
