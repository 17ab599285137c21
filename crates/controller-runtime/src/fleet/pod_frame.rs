//! A DaemonSet's pod as the watch sends it, without the 95 % of it that nobody here needs.

use jiff::Timestamp;
use planner::fleet::{Name, Phase, Pod, Uid};
use serde::Deserialize;

use super::names::Interned;
use crate::watch::{ResourceVersion, Versioned};

/// Why a container waits that will not start by itself soon: kubelet's reasons for crash loops and for images and
/// configurations that cannot be had.
const TROUBLE: [&str; 8] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// A pod, decoded.
#[derive(Debug, Deserialize)]
pub(super) struct PodFrame {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Box<str>,
    uid: Uid,
    resource_version: ResourceVersion,
    creation_timestamp: Timestamp,
    #[serde(default)]
    deletion_timestamp: Option<Timestamp>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Debug, Default, Deserialize)]
struct Labels {
    #[serde(default, rename = "controller-revision-hash")]
    revision: Interned,
}

#[derive(Debug, Deserialize)]
struct Owner {
    kind: Interned,
    uid: Uid,
    #[serde(default)]
    controller: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: Option<Interned>,
    affinity: Affinity,
}

/// Where the DaemonSet controller writes the node of a pod that is not bound yet.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Affinity {
    node_affinity: NodeAffinity,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: Required,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Required {
    node_selector_terms: Vec<Term>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Term {
    match_fields: Vec<Field>,
}

#[derive(Debug, Deserialize)]
struct Field {
    key: Interned,
    #[serde(default)]
    values: Vec<Interned>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Interned,
    conditions: Vec<Condition>,
    init_container_statuses: Vec<Container>,
    container_statuses: Vec<Container>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    r#type: Interned,
    status: Interned,
}

#[derive(Debug, Deserialize)]
struct Container {
    #[serde(default)]
    state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
}

#[derive(Debug, Deserialize)]
struct Waiting {
    #[serde(default)]
    reason: Interned,
}

impl Versioned for PodFrame {
    fn resource_version(&self) -> ResourceVersion {
        self.metadata.resource_version
    }
}

impl PodFrame {
    /// The DaemonSet that controls this pod, and the node it is for; `None` for pods of nobody or of others (rule 15).
    pub(super) fn place(&self) -> Option<(Uid, Name)> {
        let owner =
            self.metadata.owner_references.iter().find(|owner| owner.controller && &*owner.kind.0 == "DaemonSet")?;
        let bound = self.spec.node_name.as_ref().filter(|name| !name.0.is_empty());
        let meant = || {
            let fields =
                self.spec.affinity.node_affinity.required.node_selector_terms.iter().flat_map(|t| &t.match_fields);
            fields.filter(|field| &*field.key.0 == "metadata.name").find_map(|field| field.values.first())
        };
        Some((owner.uid, bound.or_else(meant)?.0.clone()))
    }

    pub(super) fn uid(&self) -> Uid {
        self.metadata.uid
    }

    pub(super) fn is_ready(&self) -> bool {
        let ready = |condition: &Condition| &*condition.r#type.0 == "Ready" && &*condition.status.0 == "True";
        self.status.conditions.iter().any(ready)
    }

    pub(super) fn is_in_trouble(&self) -> bool {
        let containers = self.status.init_container_statuses.iter().chain(&self.status.container_statuses);
        let mut reasons = containers.filter_map(|container| container.state.waiting.as_ref());
        reasons.any(|waiting| TROUBLE.contains(&&*waiting.reason.0))
    }

    /// The record of this pod, without what only sightings tell.
    pub(super) fn into_pod(self) -> Pod {
        Pod {
            name: self.metadata.name.into(),
            uid: self.metadata.uid,
            revision: self.metadata.labels.revision.0,
            created: self.metadata.creation_timestamp,
            deleting: self.metadata.deletion_timestamp.is_some(),
            phase: match &*self.status.phase.0 {
                "Running" => Phase::Running,
                "Succeeded" => Phase::Succeeded,
                "Failed" => Phase::Failed,
                _ => Phase::Pending,
            },
            ready: None,
            trouble: None,
        }
    }
}
