//! Deployments and StatefulSets as the API server writes them, read without what is of no interest: who owns which of their fields
//! is the larger half of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use api::names::app_set::{self as names, WorkloadKind};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Child, Controller, Counts, Managers, Spec};
use crate::pools::uid;

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
    owner_references: Option<Box<RawValue>>,
    managed_fields: Option<Box<RawValue>>,
}

/// An owner.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
    controller: Option<bool>,
}

/// An entry of `managedFields`.
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
    #[serde(borrow, rename = "fieldsV1")]
    fields: Option<&'a RawValue>,
}

/// Of the fields in such an entry those that are of interest.
#[derive(Default, Deserialize)]
struct Fields {
    #[serde(default, rename = "f:spec")]
    spec: SpecFields,
}

#[derive(Default, Deserialize)]
struct SpecFields {
    #[serde(default, rename = "f:replicas")]
    replicas: Option<IgnoredAny>,
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
        let (applied, managers) = metadata.managed_fields.as_deref().map(managed).unwrap_or_default();
        let spec = spec.map(Spec::from).unwrap_or_default();
        let owners: Box<str> = metadata.owner_references.map(Into::into).unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        (&metadata.labels, &metadata.annotations, &owners, managers).hash(&mut hasher);
        spec.hash(&mut hasher);
        let labels = metadata.labels.unwrap_or_default();
        Child {
            kind,
            name: metadata.name,
            id: uid(&metadata.uid),
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            generation: metadata.generation,
            created: metadata.creation_timestamp.unwrap_or_default(),
            leaving: metadata.deletion_timestamp.is_some(),
            revision: labels.get(names::REVISION).map(|revision| revision.as_str().into()),
            labels,
            annotations: metadata.annotations.unwrap_or_default(),
            controller: controller(&owners),
            applied,
            owners,
            managers,
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

impl Entry<'_> {
    fn has_replicas(&self) -> bool {
        let fields = self.fields.and_then(|fields| serde_json::from_str::<Fields>(fields.get()).ok());
        fields.is_some_and(|fields| fields.spec.replicas.is_some())
    }
}

/// When Drover last changed it, and who owns what. An apply that changes nothing leaves its time alone.
fn managed(fields: &RawValue) -> (Option<Timestamp>, Managers) {
    let entries: Vec<Entry<'_>> = serde_json::from_str(fields.get()).unwrap_or_default();
    let mut whole = entries.iter().filter(|entry| entry.subresource.is_empty());
    let ours = whole.clone().find(|entry| entry.manager == names::FIELD_MANAGER && entry.operation == "Apply");
    let managers = Managers {
        yurt_manager: whole.any(|entry| entry.manager == names::YURT_MANAGER && entry.operation == "Update"),
        replicas: ours.is_some_and(Entry::has_replicas),
        scaled: entries.iter().any(|entry| entry.subresource == "scale" && entry.has_replicas()),
    };
    (ours.and_then(|entry| entry.time), managers)
}

/// Null is none, as Go reads it.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn controller(owners: &str) -> Option<Controller> {
    let owners: Vec<Owner<'_>> = serde_json::from_str(owners).ok()?;
    let Owner { kind, name, uid, .. } = owners.into_iter().find(|owner| owner.controller == Some(true))?;
    Some(Controller { kind: kind.into_owned(), name: name.into_owned(), uid: uid.into_owned() })
}
