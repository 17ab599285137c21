//! A Deployment or StatefulSet, as the API server has it.

use std::collections::BTreeMap;

use api::names::app_set::WorkloadKind;
use serde_json::{Value, json};

use crate::drift;

/// A Deployment or StatefulSet.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The version of the object.
    pub resource_version: String,
    /// Counts changes of its spec.
    pub generation: i64,
    /// When it was made, as the API server writes it (RFC 3339 in UTC, so that texts sort as times).
    pub created: String,
    /// It is being deleted.
    pub leaving: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Who controls it.
    pub controller: Option<Controller>,
    /// Its owners, as they stand there.
    pub owners: Value,
    /// Who owns which of its fields.
    pub managed_fields: Value,
    /// Its spec.
    pub spec: Value,
    /// What its controller says of its pods.
    pub counts: Counts,
}

/// Who controls a workload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Controller {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// What the controller of a workload says of its pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The generation that it has acted upon. The other numbers are of that one.
    pub observed_generation: i64,
    /// All its pods.
    pub replicas: i64,
    /// Those of its newest pod template.
    pub updated: i64,
    /// Those that are Ready.
    pub ready: i64,
    /// Those that are available.
    pub available: i64,
}

impl Child {
    /// Reads an object, however odd.
    pub fn read(kind: WorkloadKind, object: &Value) -> Self {
        let at = |path: &str| object.pointer(path).cloned().unwrap_or(Value::Null);
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |path: &str| object.pointer(path).and_then(Value::as_i64).unwrap_or(0);
        let owners = at("/metadata/ownerReferences");
        Self {
            kind,
            name: text("/metadata/name"),
            uid: text("/metadata/uid"),
            resource_version: text("/metadata/resourceVersion"),
            generation: number("/metadata/generation"),
            created: text("/metadata/creationTimestamp"),
            leaving: !at("/metadata/deletionTimestamp").is_null(),
            labels: texts(&at("/metadata/labels")),
            annotations: texts(&at("/metadata/annotations")),
            controller: controller(&owners),
            owners,
            managed_fields: at("/metadata/managedFields"),
            spec: at("/spec"),
            counts: Counts {
                observed_generation: number("/status/observedGeneration"),
                replicas: number("/status/replicas"),
                updated: number("/status/updatedReplicas"),
                ready: number("/status/readyReplicas"),
                available: number("/status/availableReplicas"),
            },
        }
    }

    /// How many pods it is to have; Kubernetes' default is 1.
    pub fn replicas(&self) -> i64 {
        self.spec["replicas"].as_i64().unwrap_or(1)
    }

    /// Whether its counts are about its newest spec.
    pub const fn is_observed(&self) -> bool {
        self.counts.observed_generation >= self.generation
    }

    /// Whether it has as many ready pods as it is to have. One that is scaled to 0 is ready without any.
    pub fn is_ready(&self) -> bool {
        self.is_observed() && self.counts.ready >= self.replicas()
    }

    /// Whether all its pods are of its newest pod template.
    pub fn is_rolled_out(&self) -> bool {
        self.is_observed() && self.counts.updated >= self.replicas() && self.counts.replicas <= self.counts.updated
    }
}

impl Child {
    /// The fields of what is to be applied that it has otherwise, as paths.
    pub fn differences(&self, body: &Value) -> Vec<String> {
        let wanted = |part: &str| &body["metadata"][part];
        [
            ("metadata.labels", wanted("labels"), &json!(self.labels)),
            ("metadata.annotations", wanted("annotations"), &json!(self.annotations)),
            ("metadata.ownerReferences", wanted("ownerReferences"), &self.owners),
            ("spec", &body["spec"], &self.spec),
        ]
        .into_iter()
        .flat_map(|(path, wanted, live)| drift::differences(path, wanted, live))
        .collect()
    }
}

fn controller(owners: &Value) -> Option<Controller> {
    let owner = owners.as_array()?.iter().find(|owner| owner["controller"] == true)?;
    let text = |field: &str| owner[field].as_str().unwrap_or_default().to_owned();
    Some(Controller { kind: text("kind"), name: text("name"), uid: text("uid") })
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let fields = value.as_object().into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
