//! A Deployment or StatefulSet, as the API server has it.

use std::collections::BTreeMap;

use api::names::app_set::WorkloadKind;
use jiff::Timestamp;
use planner::fleet::{Name, Uid};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Spec;
use super::wire::Object;
use crate::drift::{self, Difference};

/// A Deployment or StatefulSet.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The same as a number, by which it is found the fastest.
    pub id: Uid,
    /// The version of the object.
    pub resource_version: String,
    /// Counts changes of its spec.
    pub generation: i64,
    /// When it was made, as the API server writes it (RFC 3339 in UTC, so that texts sort as times).
    pub created: String,
    /// It is being deleted.
    pub leaving: bool,
    /// The revision that its label names.
    pub revision: Option<Name>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Who controls it.
    pub controller: Option<Controller>,
    /// When Drover last changed it, by the API server's clock.
    pub applied: Option<Timestamp>,
    /// Its owners, as the API server's text: a thousand trees of them take a megabyte.
    pub owners: Box<str>,
    /// What is of interest of who owns which of its fields. All of it is the larger half of an object.
    pub managers: Managers,
    /// Its spec.
    pub spec: Spec,
    /// What its controller says of its pods.
    pub counts: Counts,
    /// The hash of everything that is compared when it is decided what to write: labels, annotations, owners, managers, spec.
    /// Two of one workload with the same are written alike.
    pub fingerprint: u64,
}

/// Who owns fields of a workload, of its spec and metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Managers {
    /// yurt-manager owns some.
    pub yurt_manager: bool,
    /// Drover owns its replicas.
    pub replicas: bool,
    /// Whoever set its replicas last did so through the subresource `scale`, as an autoscaler does.
    pub scaled: bool,
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
    /// Whether as many are available as must be during an update; `None` where nobody says, as of StatefulSets.
    pub serves: Option<bool>,
    /// It does not get on: its pods cannot be made, or are not ready for longer than its progress deadline.
    pub in_trouble: bool,
}

impl Child {
    /// Reads an object. Of one that no API server would send nothing is read.
    pub fn read(kind: WorkloadKind, object: &Value) -> Self {
        Object::deserialize(object).unwrap_or_default().into_child(kind)
    }

    /// How many pods it is to have; Kubernetes' default is 1.
    pub fn replicas(&self) -> i64 {
        self.spec.replicas().unwrap_or(1)
    }

    /// Whether its counts are about its newest spec.
    pub const fn is_observed(&self) -> bool {
        self.counts.observed_generation >= self.generation
    }

    /// Whether it has as many ready pods as it is to have. One that is scaled to 0 is ready without any.
    pub fn is_ready(&self) -> bool {
        self.is_observed() && self.counts.ready >= self.replicas()
    }

    /// Whether all its pods are available, and of its newest pod template those that are to be.
    pub fn is_complete(&self) -> bool {
        self.is_rolled_out() && self.counts.available >= self.replicas()
    }

    /// Whether it does its work, if perhaps with fewer pods: as many are available as an update leaves. One that is scaled to 0 has
    /// none to do.
    pub fn serves(&self) -> bool {
        self.counts.serves.unwrap_or(self.counts.available >= self.replicas()) || self.replicas() == 0
    }

    /// Whether Kubernetes says that its newest spec does not get on.
    pub const fn is_in_trouble(&self) -> bool {
        self.is_observed() && self.counts.in_trouble
    }

    /// Whether all its pods are of its newest pod template, but for those that a StatefulSet leaves alone: the partition is done as
    /// `kubectl rollout status` sees it.
    pub fn is_rolled_out(&self) -> bool {
        let Counts { replicas, updated, .. } = self.counts;
        let left = self.spec.left_alone(self.replicas());
        self.is_observed() && updated + left >= self.replicas() && replicas <= updated + left
    }
}

impl Child {
    fn owners(&self) -> Value {
        serde_json::from_str(&self.owners).unwrap_or_default()
    }

    /// The fields of what is to be applied that it has otherwise.
    pub fn differences(&self, body: &Value) -> Vec<Difference> {
        let wanted = |part: &str| &body["metadata"][part];
        [
            ("metadata.labels", wanted("labels"), &json!(self.labels)),
            ("metadata.annotations", wanted("annotations"), &json!(self.annotations)),
            ("metadata.ownerReferences", wanted("ownerReferences"), &self.owners()),
            ("spec", &body["spec"], &self.spec.value()),
        ]
        .into_iter()
        .flat_map(|(path, wanted, live)| drift::differences(path, wanted, live))
        .collect()
    }
}
