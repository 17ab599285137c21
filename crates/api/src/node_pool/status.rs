//! What is known of a pool's nodes and leaders.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use planner::election;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema;
use crate::or_default;

/// The pool's nodes and leaders.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::Undefaulted)]
pub struct NodePoolStatus {
    /// How many of its nodes are Ready.
    #[serde(deserialize_with = "or_default")]
    pub ready_node_num: i32,
    /// How many of its nodes are not Ready.
    #[serde(deserialize_with = "or_default")]
    pub unready_node_num: i32,
    /// The names of its nodes.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub nodes: Vec<String>,
    /// The nodes that lead.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub leader_endpoints: Vec<Leader>,
    /// How many nodes lead.
    #[serde(deserialize_with = "or_default")]
    pub leader_num: i32,
    /// When the set of leaders changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader_last_elected_time: Option<Time>,
    /// LeaderReady: whether anybody leads, and why nobody does.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<NodePoolCondition>,
    /// Fields of OpenYurt's that this version does not know, kept when a status is written as a whole.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: BTreeMap<String, Value>,
}

/// A node that leads.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::Required(&["nodeName", "address"]))]
pub struct Leader {
    /// Its name.
    pub node_name: String,
    /// The InternalIP at which its hub is dialled.
    pub address: String,
}

/// Something about the pool that is True, False or Unknown.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::Undefaulted, transform = schema::Required(&["type", "status"]))]
pub struct NodePoolCondition {
    /// What it is about, such as LeaderReady.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(extend("enum" = ["True", "False", "Unknown"]))]
    pub status: String,
    /// When the status changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
}

impl NodePoolStatus {
    /// The leaders as the planner takes them. One whose address cannot be read is left out: it leads nobody.
    pub fn leaders(&self) -> Vec<election::Leader> {
        let leaders = self.leader_endpoints.iter();
        leaders.filter_map(Leader::parsed).collect()
    }
}

impl Leader {
    /// This leader as the planner takes it; `None` if its address cannot be read.
    pub fn parsed(&self) -> Option<election::Leader> {
        let address = self.address.parse().ok()?;
        Some(election::Leader { name: self.node_name.clone(), address })
    }
}

impl From<&election::Leader> for Leader {
    fn from(leader: &election::Leader) -> Self {
        Self { node_name: leader.name.clone(), address: leader.address.to_string() }
    }
}
