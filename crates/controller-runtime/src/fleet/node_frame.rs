//! A node as the watch sends it, without the 90 % of it that nobody here needs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use planner::fleet::{Link, Node, Taint, Uid};
use serde::Deserialize;

use super::names::{Interned, intern};
use crate::watch::{ResourceVersion, Versioned};

/// A node, decoded.
#[derive(Debug, Deserialize)]
pub(super) struct NodeFrame {
    pub(super) metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: Interned,
    pub(super) uid: Uid,
    resource_version: ResourceVersion,
    #[serde(default)]
    labels: BTreeMap<Interned, Interned>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    unschedulable: bool,
    taints: Vec<TaintFrame>,
}

#[derive(Debug, Deserialize)]
struct TaintFrame {
    #[serde(default)]
    key: Interned,
    #[serde(default)]
    value: Interned,
    #[serde(default)]
    effect: Interned,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: Interned,
    status: Interned,
    /// By the edge's clock, or the control plane's: only compared, never believed.
    #[serde(default)]
    last_transition_time: Option<Timestamp>,
}

impl Versioned for NodeFrame {
    fn resource_version(&self) -> ResourceVersion {
        self.metadata.resource_version
    }
}

impl NodeFrame {
    /// Whether the node is Ready, and the stamp of that condition.
    pub(super) fn ready(&self) -> (bool, Option<Timestamp>) {
        let ready = self.status.conditions.iter().find(|condition| &*condition.r#type.0 == "Ready");
        ready.map_or((false, None), |condition| (&*condition.status.0 == "True", condition.last_transition_time))
    }

    /// The record of this node.
    pub(super) fn into_node(self, link: Link) -> Node {
        let pool = self.metadata.labels.iter().find(|(key, _)| &*key.0 == api::names::POOL);
        let taint = |taint: TaintFrame| Taint { key: taint.key.0, value: taint.value.0, effect: taint.effect.0 };
        Node {
            name: self.metadata.name.0,
            uid: self.metadata.uid,
            pool: pool.map_or_else(|| intern(""), |(_, pool)| pool.0.clone()),
            labels: self.metadata.labels.into_iter().map(|(key, value)| (key.0, value.0)).collect(),
            taints: self.spec.taints.into_iter().map(taint).collect(),
            cordoned: self.spec.unschedulable,
            link,
        }
    }
}
