//! What is known of a YurtAppSet's workloads.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{lenient, schema};
use crate::or_default;

/// The YurtAppSet's workloads.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::Status)]
pub struct YurtAppSetStatus {
    /// The generation of the spec that this status is about.
    #[serde(deserialize_with = "lenient::integer", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// How many times the name of a revision was taken by other content.
    #[serde(deserialize_with = "lenient::integer", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = i32::MAX), extend("format" = "int32"))]
    pub collision_count: Option<i64>,
    /// The name of the ControllerRevision that holds spec.workload.
    #[serde(deserialize_with = "or_default")]
    #[schemars(length(max = 253))]
    pub current_revision: String,
    /// `PoolFound`, `AppDispatched`, `AppDeleted`, `AppUpdated` and `AppReady`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<YurtAppSetCondition>,
    /// How many of its workloads have only ready pods.
    #[serde(deserialize_with = "or_default")]
    #[schemars(range(min = 0, max = i32::MAX))]
    pub ready_workloads: i32,
    /// How many of its workloads have only pods of the current revision.
    #[serde(deserialize_with = "or_default")]
    #[schemars(range(min = 0, max = i32::MAX))]
    pub updated_workloads: i32,
    /// How many workloads it has.
    #[serde(deserialize_with = "or_default")]
    #[schemars(range(min = 0, max = i32::MAX))]
    pub total_workloads: i32,
    /// Fields that this version does not know, kept when a status is written as a whole.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: BTreeMap<String, Value>,
}

/// Something about the YurtAppSet that is True, False or Unknown.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::Condition)]
pub struct YurtAppSetCondition {
    /// What it is about, such as `AppReady`.
    #[serde(rename = "type", deserialize_with = "or_default")]
    #[schemars(length(max = 316))]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[serde(deserialize_with = "or_default")]
    #[schemars(extend("enum" = ["True", "False", "Unknown"]))]
    pub status: String,
    /// When the status changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// Why, in one word.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub reason: String,
    /// Why, in a sentence.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32768))]
    pub message: String,
}
