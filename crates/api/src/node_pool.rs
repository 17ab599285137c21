//! `NodePool`: OpenYurt's kind (`apps.openyurt.io/v1beta2`), with the same fields, so that objects of either are the other's.
//!
//! The definition that is made of these types refuses what OpenYurt's webhook refuses. The types themselves read whatever
//! OpenYurt's own definition lets pass, which is nearly open: no object may keep a service from reading the others.

mod election;
mod object;
mod schema;
mod status;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Taint;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::or_default;

pub use object::NodePool;
pub use status::{Leader, NodePoolCondition, NodePoolStatus};

/// The type of a pool on the edge.
const EDGE: &str = "Edge";

/// The strategy `random`: any Ready node.
pub const RANDOM: &str = "random";

/// The strategy `mark`: a Ready node with the labels of leaderNodeLabelSelector.
pub const MARK: &str = "mark";

/// What the nodes of a pool have in common, and how its leaders are chosen.
#[expect(clippy::duplicated_attributes, reason = "printer columns share their types")]
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[kube(
    group = "apps.openyurt.io",
    version = "v1beta2",
    kind = "NodePool",
    root = "NodePoolDefinition",
    plural = "nodepools",
    shortname = "np",
    category = "yurt",
    status = "NodePoolStatus",
    derive = "PartialEq",
    doc = "A NodePool is a group of nodes, most often of one site: those whose label apps.openyurt.io/nodepool is its name. \
           What its spec gives to nodes they all get, and from among them leaders are elected whose hubs serve the others \
           with what all of them would otherwise fetch from the API server.",
    printcolumn(
        name = "Type",
        type_ = "string",
        json_path = ".spec.type",
        description = "Whether its nodes are on the edge or in the cloud."
    ),
    printcolumn(
        name = "ReadyNodes",
        type_ = "integer",
        json_path = ".status.readyNodeNum",
        description = "Its nodes that are Ready."
    ),
    printcolumn(
        name = "NotReadyNodes",
        type_ = "integer",
        json_path = ".status.unreadyNodeNum",
        description = "Its nodes that are not Ready."
    ),
    printcolumn(
        name = "LeaderNodes",
        type_ = "integer",
        json_path = ".status.leaderNum",
        description = "Its nodes that lead."
    ),
    printcolumn(
        name = "LeaderElectionAge",
        type_ = "date",
        json_path = ".status.leaderLastElectedTime",
        description = "Since when they lead."
    ),
    printcolumn(
        name = "LeaderReason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='LeaderReady')].message",
        description = "Why it has these leaders, or none.",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when it exists."
    )
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::Spec)]
pub struct NodePoolSpec {
    /// `Edge` or `Cloud`. Cannot be changed. Default: `Edge`.
    #[serde(rename = "type", deserialize_with = "or_edge")]
    #[schemars(extend("enum" = ["Edge", "Cloud"]), transform = schema::Fixed("make another NodePool for nodes of another type"))]
    pub pool_type: String,
    /// Pods on its nodes share the node's network; only for `Edge`. Cannot be changed. Default: false.
    #[serde(deserialize_with = "or_default")]
    #[schemars(transform = schema::Fixed("make another NodePool for nodes whose pods use another network"))]
    pub host_network: bool,
    /// Labels that all nodes of the pool get; a node that leaves loses them. A label that a node has already is overwritten.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::labels")]
    pub labels: BTreeMap<String, String>,
    /// Annotations that all nodes of the pool get; a node that leaves loses them. An annotation that a node has already is
    /// overwritten.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::annotations")]
    pub annotations: BTreeMap<String, String>,
    /// Taints that all nodes of the pool get; a node that leaves loses them.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::taints")]
    pub taints: Vec<Taint>,
    /// All nodes of the pool reach each other, so that one may serve the others. Cannot be changed. Default: false.
    #[serde(deserialize_with = "or_default")]
    #[schemars(transform = schema::Fixed("make another NodePool for nodes that are connected otherwise"))]
    pub inter_connectivity: bool,
    /// The pool has leaders. Default: false.
    #[serde(deserialize_with = "or_default")]
    pub enable_leader_election: bool,
    /// Which nodes may lead: `random` (any that is Ready) or `mark` (those that are Ready and have the labels of
    /// leaderNodeLabelSelector). Default: `random`.
    #[serde(deserialize_with = "or_random")]
    #[schemars(extend("enum" = [RANDOM, MARK]))]
    pub leader_election_strategy: String,
    /// The labels by which nodes that may lead are marked, for the strategy `mark`, which needs at least one.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::labels")]
    pub leader_node_label_selector: BTreeMap<String, String>,
    /// How many nodes are to lead, at least 1. Default: 1.
    #[serde(deserialize_with = "or_one")]
    #[schemars(range(min = 1))]
    pub leader_replicas: i32,
    /// What leaders fetch once for the whole pool. A list that is given replaces the default: `/v1/services` and
    /// `discovery.k8s.io/v1/endpointslices`.
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub pool_scope_metadata: Vec<GroupVersionResource>,
}

/// A resource in a version of the API.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq, Hash)]
#[serde(default)]
#[schemars(transform = schema::Required(&["version", "resource"]))]
pub struct GroupVersionResource {
    /// The API group; empty for the core group.
    #[serde(deserialize_with = "or_default")]
    #[schemars(length(max = 253))]
    pub group: String,
    /// The version, such as v1.
    #[serde(deserialize_with = "or_default")]
    #[schemars(length(min = 1, max = 63))]
    pub version: String,
    /// The resource in the plural, such as services.
    #[serde(deserialize_with = "or_default")]
    #[schemars(length(min = 1, max = 63))]
    pub resource: String,
}

impl Default for NodePoolSpec {
    fn default() -> Self {
        let resource = |group: &str, resource: &str| GroupVersionResource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            resource: resource.to_owned(),
        };
        Self {
            pool_type: EDGE.to_owned(),
            host_network: false,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            taints: Vec::new(),
            inter_connectivity: false,
            enable_leader_election: false,
            leader_election_strategy: RANDOM.to_owned(),
            leader_node_label_selector: BTreeMap::new(),
            leader_replicas: 1,
            pool_scope_metadata: vec![resource("", "services"), resource("discovery.k8s.io", "endpointslices")],
        }
    }
}

fn or_edge<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(|| EDGE.to_owned()))
}

fn or_random<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(|| RANDOM.to_owned()))
}

fn or_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(1))
}

#[cfg(test)]
mod tests;
