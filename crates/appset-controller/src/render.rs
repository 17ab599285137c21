//! A YurtAppSet's workload in one pool, as JSON: what is sent is what was patched, no type in between forgets or keeps a field.
//!
//! The order is OpenYurt's: template with the pool's labels and node selector; then of all tweaks that are about the pool, in list
//! order, replicas and images; then their patches as one patch. After that the pool is put in once more: a patch may not take pods
//! out of their pool, nor the workload away from its YurtAppSet.

mod bound;
mod error;
mod patch;
mod stamp;
mod structures;

use api::names::app_set::{self as names, WorkloadKind};
use api::yurt_app_set::{Template, Tweak, Workload, YurtAppSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use planner::strategy::Amount;
use serde_json::{Map, Value, json};

use crate::canonical::{self, Hash};
use crate::pools::{Choice, Pool};
pub use bound::keeps_bound;
pub use error::RenderError;
use patch::Patches;

/// Where a workload stands in a YurtAppSet.
pub(crate) const PATH: &str = "spec.workload";

/// Annotations that a template copied from a workload has, and that are not its user's to write: Drover's own, and the number that the
/// Deployment controller counts, which it would put back for ever.
const NOT_ASKED_FOR: [&str; 5] =
    [names::RENDERED, names::TEMPLATE, names::KEPT_TEMPLATE, names::KEPT_REPLICAS, "deployment.kubernetes.io/revision"];

/// Whose workloads are rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The YurtAppSet's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
}

/// One revision of a YurtAppSet, ready to be rendered in any pool.
#[derive(Debug)]
pub struct Renderer {
    owner: Owner,
    revision: String,
    kind: WorkloadKind,
    template: Template,
    tweaks: Vec<Tweaking>,
    /// Of its pods in a pool, how many may be missing while they are replaced; `None`: as the template says.
    max_unavailable: Option<Amount>,
}

/// A tweak, and the pools that it is about.
#[derive(Debug)]
struct Tweaking {
    choice: Choice,
    tweak: Tweak,
}

/// The workload of one pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// What it is.
    pub kind: WorkloadKind,
    /// The pool.
    pub pool: String,
    /// The whole object, to be applied.
    pub body: Value,
    /// The hash of what the pod template means. Pods restart when it changes, and only then.
    pub template: Hash,
    /// Which tweaks are about the pool, by their place in the list: pools with the same are alike to an API server.
    pub tweaks: Vec<usize>,
}

impl Owner {
    /// A YurtAppSet as the owner of its workloads.
    pub fn of(set: &YurtAppSet) -> Self {
        let ObjectMeta { name, namespace, uid, .. } = set.metadata.clone();
        Self { name: name.unwrap_or_default(), namespace: namespace.unwrap_or_default(), uid: uid.unwrap_or_default() }
    }

    /// What its objects say of it.
    pub fn reference(&self) -> Value {
        json!({
            "apiVersion": "apps.openyurt.io/v1beta1",
            "kind": "YurtAppSet",
            "name": self.name,
            "uid": self.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }
}

impl Renderer {
    /// A renderer of this revision. `revision` is the name of its ControllerRevision.
    pub fn new(owner: Owner, workload: Workload, revision: &str) -> Result<Self, RenderError> {
        let tweaking = |(index, tweak): (usize, Tweak)| {
            let path = format!("{PATH}.workloadTweaks[{index}]");
            patch::check(&tweak.tweaks.patches, &path)?;
            let choice =
                Choice::new(&tweak.pools, tweak.nodepool_selector.as_ref(), &format!("{path}.nodepoolSelector"))?;
            Ok(Tweaking { choice, tweak })
        };
        Ok(Self {
            owner,
            revision: revision.to_owned(),
            kind: workload.template.kind,
            template: workload.template.template,
            tweaks: workload.tweaks.into_iter().enumerate().map(tweaking).collect::<Result<_, RenderError>>()?,
            max_unavailable: None,
        })
    }

    /// The same with a bound on the rolling update in each pool, whatever the template says of it.
    #[must_use]
    pub fn bounded(self, max_unavailable: Option<Amount>) -> Self {
        Self { max_unavailable, ..self }
    }

    /// What the workloads are.
    pub const fn kind(&self) -> WorkloadKind {
        self.kind
    }

    /// The workload of a pool.
    pub fn render(&self, pool: &Pool) -> Result<Rendered, RenderError> {
        let mut object = self.plain(pool)?;
        let about: Vec<_> =
            self.tweaks.iter().enumerate().filter(|(_, tweaking)| tweaking.choice.covers(pool)).collect();
        let mut patches = Patches::default();
        for (index, Tweaking { tweak, .. }) in &about {
            set_replicas(&mut object, tweak.tweaks.replicas);
            for image in &tweak.tweaks.container_images {
                set_image(&mut object, &image.name, &image.target_image);
            }
            patches.extend(*index, &tweak.tweaks.patches);
        }
        structures::put_in(self.kind, &mut object);
        patches.apply(&mut object, pool)?;
        drop_nulls(&mut object);
        structures::take_out(self.kind, &mut object);
        if let Some(most) = self.max_unavailable {
            bound::bound(self.kind, &mut object, most);
        }
        stamp::stamp(&mut object, &self.stamps(pool))?;
        stamp::check_labels(&object, &pool.name)?;
        stamp::check_replicas(&object)?;
        let template = Hash::of_text(&canonical::meaning(&object["spec"]["template"]));
        let mut body = self.identified(object, &pool.name);
        annotate(&mut body, names::TEMPLATE, &template.to_string());
        seal(&mut body);
        let tweaks = about.into_iter().map(|(index, _)| index).collect();
        Ok(Rendered { kind: self.kind, pool: pool.name.clone(), body, template, tweaks })
    }

    /// The template in a pool, before tweaks.
    fn plain(&self, pool: &Pool) -> Result<Value, RenderError> {
        let Template { labels, annotations, spec } = &self.template;
        let mut object = json!({
            "apiVersion": "apps/v1",
            "kind": self.kind.as_str(),
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": spec,
        });
        drop_nulls(&mut object);
        if self.kind == WorkloadKind::StatefulSet {
            // OpenYurt gives the labels of a StatefulSet to its pods too, over theirs; those of a Deployment not.
            stamp::merge(&mut object, &["spec", "template", "metadata", "labels"], labels)?;
        }
        stamp::stamp(&mut object, &self.stamps(pool))?;
        Ok(object)
    }

    fn stamps<'a>(&'a self, pool: &'a Pool) -> stamp::Stamps<'a> {
        stamp::Stamps { set: &self.owner.name, pool: &pool.name, revision: &self.revision }
    }

    /// The object as this YurtAppSet's own. Of the metadata of a patched object only what describes it counts.
    fn identified(&self, mut object: Value, pool: &str) -> Value {
        let described = |field: &str| object["metadata"].get(field).cloned().unwrap_or_else(|| json!({}));
        let mut annotations = described("annotations");
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.retain(|key, _| !NOT_ASKED_FOR.contains(&key.as_str()));
        }
        let metadata = json!({
            "name": names::workload(self.kind, &self.owner.name, pool),
            "namespace": self.owner.namespace,
            "labels": described("labels"),
            "annotations": annotations,
            "ownerReferences": [self.owner.reference()],
        });
        json!({"apiVersion": "apps/v1", "kind": self.kind.as_str(), "metadata": metadata, "spec": object.get_mut("spec").map(Value::take)})
    }
}

impl Rendered {
    /// The name of the object.
    pub fn name(&self) -> &str {
        self.body["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Whether this was recorded of its pod template. Drover used to record the template as it is written, whatever it means.
    pub fn is_of(&self, recorded: &str) -> bool {
        recorded == self.template.to_string() || recorded == Hash::of(&self.body["spec"]["template"]).to_string()
    }
}

/// Writes into an object to be applied the hash of everything else in it.
pub(crate) fn seal(body: &mut Value) {
    if let Some(annotations) = body.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(names::RENDERED);
    }
    let hash = Hash::of(body).to_string();
    annotate(body, names::RENDERED, &hash);
}

/// Sets an annotation of an object that has annotations.
pub(crate) fn annotate(body: &mut Value, key: &str, value: &str) {
    if let Some(annotations) = body.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.insert(key.to_owned(), value.into());
    }
}

fn set_replicas(object: &mut Value, replicas: Option<i32>) {
    if let (Some(replicas), Some(spec)) = (replicas, object["spec"].as_object_mut()) {
        spec.insert("replicas".to_owned(), replicas.into());
    }
}

fn set_image(object: &mut Value, name: &str, image: &str) {
    for list in ["containers", "initContainers"] {
        let containers = object.pointer_mut(&format!("/spec/template/spec/{list}")).and_then(Value::as_array_mut);
        let containers = containers.into_iter().flatten().filter_map(Value::as_object_mut);
        let named = |container: &&mut Map<String, Value>| container.get("name").and_then(Value::as_str) == Some(name);
        containers.filter(named).for_each(|container| {
            container.insert("image".to_owned(), image.into());
        });
    }
}

/// Null is absent, to Kubernetes; under server-side apply it would be owned.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
pub(crate) mod tests;
