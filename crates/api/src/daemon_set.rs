//! DaemonSets, decoded from the watch as far as decisions need them.
//!
//! No object that the API server serves fails to decode: what is absent or null has its default, what is odd is kept as
//! text, and judging it is for later.

mod annotations;
mod placement;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;

use crate::{names, or_default};
pub use placement::{NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Toleration};

/// A DaemonSet (`apps/v1`).
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(default)]
pub struct DaemonSet {
    /// Who it is.
    #[serde(deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// What it asks for.
    #[serde(deserialize_with = "or_default")]
    pub spec: Spec,
    /// What the DaemonSet controller has seen of it. Its counts are left out on purpose: they do not know offline nodes.
    #[serde(deserialize_with = "or_default")]
    pub status: Status,
}

/// Who a DaemonSet is.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// Counts changes of its spec.
    pub generation: i64,
    /// The version of the object, for fencing and for telling newer from older.
    pub resource_version: String,
    /// Set once it is being deleted.
    pub deletion_timestamp: Option<Timestamp>,
    /// Its annotations of OpenYurt and Drover; others are dropped.
    #[serde(deserialize_with = "annotations::ours")]
    pub annotations: BTreeMap<String, String>,
}

/// What a DaemonSet asks for.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// Which pods are its own (with their controllerRef).
    #[serde(deserialize_with = "or_default")]
    pub selector: LabelSelector,
    /// Who replaces outdated pods.
    #[serde(deserialize_with = "or_default")]
    pub update_strategy: Strategy,
    /// Seconds for which a pod must be Ready to be available.
    #[serde(deserialize_with = "or_default")]
    pub min_ready_seconds: i32,
    /// Old revisions (and runs) that are kept; Kubernetes' default is 10.
    pub revision_history_limit: Option<i32>,
    /// What its pods look like.
    #[serde(deserialize_with = "or_default")]
    pub template: Template,
}

/// Who replaces outdated pods.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(default)]
pub struct Strategy {
    /// `OnDelete`, `RollingUpdate`, or what a later Kubernetes brings.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
}

/// What a DaemonSet's pods look like, as far as their place is concerned.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(default)]
pub struct Template {
    /// Where they may run.
    #[serde(deserialize_with = "or_default")]
    pub spec: PodSpec,
}

/// What the DaemonSet controller has seen of a DaemonSet.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The generation that it has acted upon.
    #[serde(deserialize_with = "or_default")]
    pub observed_generation: i64,
}

impl DaemonSet {
    /// Whether replacing its pods is left to others.
    pub fn is_on_delete(&self) -> bool {
        self.spec.update_strategy.kind == names::ON_DELETE
    }

    /// Whether it is being deleted.
    pub const fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether the DaemonSet controller has acted upon the newest spec, so that its newest ControllerRevision is there.
    pub const fn is_observed(&self) -> bool {
        self.status.observed_generation >= self.metadata.generation
    }

    /// `minReadySeconds` as a duration; negative ones, which the API server refuses, are none.
    pub fn min_ready(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.spec.min_ready_seconds.max(0)))
    }

    /// How many old revisions, and so old runs, are kept.
    pub fn history_limit(&self) -> usize {
        const KUBERNETES_DEFAULT: usize = 10;
        self.spec.revision_history_limit.map_or(KUBERNETES_DEFAULT, |limit| usize::try_from(limit).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
