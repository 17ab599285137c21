//! Deployments and StatefulSets as the API server writes them, read without what is of no interest: who owns which of their fields
//! is the larger half of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use api::names::app_set::{self as names, WorkloadKind};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Child, Controller, Counts, Spec};

/// A workload, read but for its kind: the items of a list do not say theirs.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Object {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Option<Box<RawValue>>,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
    resource_version: String,
    #[serde(deserialize_with = "number")]
    generation: i64,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Value,
    managed_fields: Option<Box<RawValue>>,
}

/// An entry of `managedFields`, but for the fields.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow)]
    manager: Cow<'a, str>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow)]
    subresource: Cow<'a, str>,
    time: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    #[serde(deserialize_with = "number")]
    observed_generation: i64,
    #[serde(deserialize_with = "number")]
    replicas: i64,
    #[serde(deserialize_with = "number")]
    updated_replicas: i64,
    #[serde(deserialize_with = "number")]
    ready_replicas: i64,
    #[serde(deserialize_with = "number")]
    available_replicas: i64,
    conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    r#type: String,
    status: String,
    #[serde(default)]
    reason: String,
}

impl Object {
    /// Its namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.metadata.namespace
    }

    /// A workload of this kind.
    pub(crate) fn into_child(self, kind: WorkloadKind) -> Child {
        let Self { metadata, spec, status } = self;
        let (applied, managed_fields) = metadata.managed_fields.as_deref().map(managed).unwrap_or_default();
        let spec = spec.map(Spec::from).unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        (&metadata.labels, &metadata.annotations, &metadata.owner_references, &managed_fields).hash(&mut hasher);
        spec.hash(&mut hasher);
        Child {
            kind,
            name: metadata.name,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            generation: metadata.generation,
            created: metadata.creation_timestamp.unwrap_or_default(),
            leaving: metadata.deletion_timestamp.is_some(),
            labels: metadata.labels.unwrap_or_default(),
            annotations: metadata.annotations.unwrap_or_default(),
            controller: controller(&metadata.owner_references),
            applied,
            owners: metadata.owner_references,
            managed_fields,
            spec,
            counts: status.unwrap_or_default().counts(),
            fingerprint: hasher.finish(),
        }
    }
}

impl Status {
    fn counts(&self) -> Counts {
        let condition = |kind: &str| self.conditions.iter().flatten().find(|condition| condition.r#type == kind);
        let stuck =
            |condition: &Condition| condition.status == "False" && condition.reason == "ProgressDeadlineExceeded";
        Counts {
            observed_generation: self.observed_generation,
            replicas: self.replicas,
            updated: self.updated_replicas,
            ready: self.ready_replicas,
            available: self.available_replicas,
            serves: condition("Available").map(|condition| condition.status == "True"),
            in_trouble: condition("Progressing").is_some_and(stuck)
                || condition("ReplicaFailure").is_some_and(|condition| condition.status == "True"),
        }
    }
}

/// When Drover last changed it, and all of `managedFields` where yurt-manager is in it. An apply that changes nothing leaves its time
/// alone.
fn managed(fields: &RawValue) -> (Option<Timestamp>, Value) {
    let entries: Vec<Entry<'_>> = serde_json::from_str(fields.get()).unwrap_or_default();
    let ours = |entry: &&Entry<'_>| {
        entry.manager == names::FIELD_MANAGER && entry.operation == "Apply" && entry.subresource.is_empty()
    };
    let applied = entries.iter().find(ours).and_then(|entry| entry.time);
    let theirs = entries.iter().any(|entry| entry.manager == names::YURT_MANAGER);
    let all = theirs.then(|| serde_json::from_str(fields.get()).unwrap_or_default());
    (applied, all.unwrap_or_default())
}

/// Null is none, as Go reads it.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn controller(owners: &Value) -> Option<Controller> {
    let owner = owners.as_array()?.iter().find(|owner| owner["controller"] == true)?;
    let text = |field: &str| owner[field].as_str().unwrap_or_default().to_owned();
    Some(Controller { kind: text("kind"), name: text("name"), uid: text("uid") })
}
