//! The workloads under test: DaemonSets whose pods kwok pretends to run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

/// OpenYurt's annotation that chooses how a DaemonSet is updated.
pub const STRATEGY_ANNOTATION: &str = "apps.openyurt.io/update-strategy";
/// OpenYurt's annotation that bounds how many pods may be down at once.
pub const MAX_UNAVAILABLE_ANNOTATION: &str = "apps.openyurt.io/max-unavailable";

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A DaemonSet to make. Its pods carry the label `app: NAME`.
#[derive(Clone, Debug)]
pub struct Fixture {
    name: String,
    namespace: String,
    object: Value,
}

/// A DaemonSet in a cluster.
#[derive(Clone)]
pub struct Daemon {
    name: String,
    sets: Api<DaemonSet>,
    pods: Api<Pod>,
}

impl Fixture {
    /// A DaemonSet on every node, `updateStrategy: OnDelete`, with the image `registry.local/NAME:v1`.
    pub fn new(namespace: &str, name: &str) -> Self {
        let labels = json!({"app": name});
        let object = json!({
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"namespace": namespace, "name": name, "annotations": {}},
            "spec": {
                "selector": {"matchLabels": labels},
                "updateStrategy": {"type": "OnDelete"},
                "template": {
                    "metadata": {"labels": labels, "annotations": {}},
                    "spec": {
                        "terminationGracePeriodSeconds": 1,
                        "nodeSelector": {},
                        "tolerations": [],
                        "containers": [{"name": "agent", "image": image(name, "v1")}],
                    },
                },
            },
        });
        Self { name: name.to_owned(), namespace: namespace.to_owned(), object }
    }

    /// With OpenYurt's annotations: strategy `auto` and this max-unavailable.
    #[must_use]
    pub fn auto(self, max_unavailable: &str) -> Self {
        self.annotation(STRATEGY_ANNOTATION, "auto").annotation(MAX_UNAVAILABLE_ANNOTATION, max_unavailable)
    }

    /// Another tag of its image; `broken` never becomes ready.
    #[must_use]
    pub fn tag(self, tag: &str) -> Self {
        let image = image(&self.name, tag);
        self.set("/spec/template/spec/containers/0/image", json!(image))
    }

    /// An annotation of the DaemonSet.
    #[must_use]
    pub fn annotation(self, name: &str, value: &str) -> Self {
        self.insert("/metadata/annotations", name, value)
    }

    /// An annotation of the pods, such as `drover.dev/ready-after`; see `deploy/local/kwok-stages.yaml` and
    /// [`crate::releases`].
    #[must_use]
    pub fn template_annotation(self, name: &str, value: &str) -> Self {
        self.insert("/spec/template/metadata/annotations", name, value)
    }

    /// Only on nodes with this label.
    #[must_use]
    pub fn on_nodes(self, label: &str, value: &str) -> Self {
        self.insert("/spec/template/spec/nodeSelector", label, value)
    }

    /// The pods tolerate every taint.
    #[must_use]
    pub fn tolerate_everything(self) -> Self {
        self.set("/spec/template/spec/tolerations", json!([{"operator": "Exists"}]))
    }

    /// `updateStrategy: RollingUpdate`, which leaves the updates to Kubernetes.
    #[must_use]
    pub fn rolling_update(self) -> Self {
        self.set("/spec/updateStrategy", json!({"type": "RollingUpdate"}))
    }

    /// Replaces any field, by its JSON pointer; the parent must exist.
    #[must_use]
    pub fn set(mut self, pointer: &str, value: Value) -> Self {
        if let Some((parent, field)) = pointer.rsplit_once('/') {
            match self.object.pointer_mut(parent) {
                Some(Value::Object(parent)) => {
                    parent.insert(field.to_owned(), value);
                }
                _ => {
                    if let Some(old) = self.object.pointer_mut(pointer) {
                        *old = value;
                    }
                }
            }
        }
        self
    }

    /// Makes the DaemonSet, or changes it to this.
    pub async fn apply(&self, client: &Client) -> Result<Daemon> {
        let daemon = Daemon::new(client, &self.namespace, &self.name);
        let params = PatchParams::apply("drover-xtask").force();
        let applied = daemon.sets.patch(&self.name, &params, &Patch::Apply(&self.object)).await;
        applied.with_context(|| format!("applying DaemonSet {}/{}", self.namespace, self.name))?;
        Ok(daemon)
    }

    fn insert(mut self, pointer: &str, name: &str, value: &str) -> Self {
        if let Some(Value::Object(map)) = self.object.pointer_mut(pointer) {
            map.insert(name.to_owned(), json!(value));
        }
        self
    }
}

impl Daemon {
    /// A DaemonSet that is there, or will be.
    pub fn new(client: &Client, namespace: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sets: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client.clone(), namespace),
        }
    }

    /// The object as it is now.
    pub async fn get(&self) -> Result<DaemonSet> {
        self.sets.get(&self.name).await.with_context(|| format!("reading DaemonSet {}", self.name))
    }

    /// Releases another tag of its image.
    pub async fn release(&self, tag: &str) -> Result<()> {
        self.release_with(tag, &[]).await
    }

    /// Releases another tag and changes annotations of the pods with it (`None` removes one).
    pub async fn release_with(&self, tag: &str, annotations: &[(&str, Option<&str>)]) -> Result<()> {
        let annotations: serde_json::Map<String, Value> =
            annotations.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let containers = json!([{"name": "agent", "image": image(&self.name, tag)}]);
        let template = json!({"metadata": {"annotations": annotations}, "spec": {"containers": containers}});
        self.patch(&json!({"spec": {"template": template}})).await
    }

    /// Sets or removes (`None`) an annotation of the DaemonSet.
    pub async fn annotate(&self, name: &str, value: Option<&str>) -> Result<()> {
        self.patch(&json!({"metadata": {"annotations": {name: value}}})).await
    }

    /// A strategic merge patch of the DaemonSet.
    pub async fn patch(&self, patch: &Value) -> Result<()> {
        let patched = self.sets.patch(&self.name, &PatchParams::default(), &Patch::Strategic(patch)).await;
        patched.map(drop).with_context(|| format!("changing DaemonSet {}", self.name))
    }

    /// Deletes the DaemonSet; its pods follow.
    pub async fn delete(&self) -> Result<()> {
        let deleted = self.sets.delete(&self.name, &DeleteParams::background()).await;
        deleted.map(drop).with_context(|| format!("deleting DaemonSet {}", self.name))
    }

    /// Its pods.
    pub async fn pods(&self) -> Result<Vec<Pod>> {
        let params = ListParams::default().labels(&format!("app={}", self.name));
        Ok(self.pods.list(&params).await.with_context(|| format!("listing the pods of {}", self.name))?.items)
    }

    /// Its pods by node; of several on one node the one that is not going away.
    pub async fn pods_by_node(&self) -> Result<BTreeMap<String, Pod>> {
        let mut by_node = BTreeMap::new();
        for pod in self.pods().await? {
            let Some(node) = node_of(&pod).map(str::to_owned) else { continue };
            if pod.metadata.deletion_timestamp.is_none() || !by_node.contains_key(&node) {
                by_node.insert(node, pod);
            }
        }
        Ok(by_node)
    }

    /// Waits until this many of its pods run this tag and are Ready and not going away; returns them by node.
    pub async fn await_ready(&self, tag: &str, count: usize, patience: Duration) -> Result<BTreeMap<String, Pod>> {
        let image = image(&self.name, tag);
        let deadline = Instant::now() + patience;
        loop {
            let (pods, late): (BTreeMap<_, _>, BTreeMap<_, _>) =
                self.pods_by_node().await?.into_iter().partition(|(_, pod)| {
                    pod.metadata.deletion_timestamp.is_none() && is_ready(pod) && image_of(pod) == Some(image.as_str())
                });
            if pods.len() >= count {
                return Ok(pods);
            }
            if Instant::now() > deadline {
                bail!(
                    "after {patience:?} {} of {count} pods of {} run {tag} and are Ready; {} others exist, such as {}",
                    pods.len(),
                    self.name,
                    late.len(),
                    json!(late.first_key_value())
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The image of a pod's first container.
pub fn image_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.containers.first()?.image.as_deref()
}

/// The node that a pod is bound to.
pub fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// Whether a pod's Ready condition is True.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The revision that the DaemonSet controller made a pod from.
pub fn revision_of(pod: &Pod) -> Option<&str> {
    pod.labels().get("controller-revision-hash").map(String::as_str)
}

fn image(name: &str, tag: &str) -> String {
    format!("registry.local/{name}:{tag}")
}
