//! `YurtAppSet`: OpenYurt's kind (`apps.openyurt.io/v1beta1`), with the same fields, so that objects of either are the other's.
//!
//! The definition that is made of these types refuses what OpenYurt's webhook refuses, and what it should. The types themselves
//! read whatever OpenYurt's own definition lets pass, which is nearly open: no object may keep a service from reading the others.
//! The workload is kept as the JSON that its user wrote ([`RawWorkload`]): it is hashed as such, so that no version of these types
//! makes a revision of it that the user did not.

mod lenient;
mod object;
mod schema;
mod selector;
mod status;
mod workload;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::or_default;

pub use object::YurtAppSet;
pub use selector::{InvalidSelector, Selector, SelectorRequirement};
pub use status::{YurtAppSetCondition, YurtAppSetStatus};
pub use workload::{
    ContainerImage, InvalidWorkload, Operation, RawWorkload, Template, Tweak, TweakPatch, Tweaks, Workload,
    WorkloadTemplate,
};

/// How many old and current revisions OpenYurt keeps where nothing is said.
pub const DEFAULT_HISTORY_LIMIT: i64 = 10;

/// What runs in which pools.
#[expect(clippy::duplicated_attributes, reason = "printer columns share their types")]
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[kube(
    group = "apps.openyurt.io",
    version = "v1beta1",
    kind = "YurtAppSet",
    root = "YurtAppSetDefinition",
    namespaced,
    plural = "yurtappsets",
    shortname = "yas",
    category = "yurt",
    status = "YurtAppSetStatus",
    derive = "PartialEq",
    doc = "A YurtAppSet is one application in many node pools: each of its pools gets a Deployment or StatefulSet of its own, made \
           from one template and changed by the tweaks that are about the pool.",
    printcolumn(
        name = "TOTAL",
        type_ = "integer",
        json_path = ".status.totalWorkloads",
        description = "Its workloads, one per pool."
    ),
    printcolumn(
        name = "READY",
        type_ = "integer",
        json_path = ".status.readyWorkloads",
        description = "Its workloads whose pods are all ready."
    ),
    printcolumn(
        name = "UPDATED",
        type_ = "integer",
        json_path = ".status.updatedWorkloads",
        description = "Its workloads whose pods are all of the current revision."
    ),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when it exists."
    )
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::Spec)]
pub struct YurtAppSetSpec {
    /// The names of NodePools that it runs in, beside those that nodepoolSelector chooses. A name without a NodePool is reported.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::pools")]
    pub pools: Vec<String>,
    /// The NodePools that it runs in, by their labels, beside those that pools names. Without it none; {} is every NodePool.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector::schema")]
    pub nodepool_selector: Option<Selector>,
    /// What runs in each pool.
    #[serde(deserialize_with = "or_default")]
    pub workload: RawWorkload,
    /// How many revisions are kept, the current one among them, to go back to. Default: 10.
    #[serde(deserialize_with = "lenient::integer", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = i32::MAX), extend("format" = "int32"))]
    pub revision_history_limit: Option<i64>,
}

#[cfg(test)]
mod tests;
