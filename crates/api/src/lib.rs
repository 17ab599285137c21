//! The Kubernetes side of Drover's vocabulary: its own kinds, the names it shares with OpenYurt, slim views of foreign
//! kinds, and what each service may do.
//!
//! - [`fleet_rollout`] – the `FleetRollout` kind: one run of one revision of one target.
//! - [`rollout_strategy`] – the `RolloutStrategy` kind: how the runs of targets that name it go.
//! - [`approval_request`] – the `ApprovalRequest` kind: a wave that waits for somebody's decision.
//! - [`node_pool`] – OpenYurt's `NodePool` kind: a group of nodes and its leaders.
//! - [`yurt_app_set`] – OpenYurt's `YurtAppSet` kind: one application in many pools.
//! - [`amount`] – "5" or "10%" in specs and annotations.
//! - [`annotations`] – OpenYurt's annotations on DaemonSets, parsed once and refused with a reason.
//! - [`names`] – every key, reason, condition type and object name.
//! - [`daemon_set`], [`controller_revision`] – DaemonSets and their revisions, decoded as far as decisions need them.
//! - [`rbac`] – one table per service of exactly the verbs it uses.
//! - [`generated`] – the files under `deploy/` that are made from these types and tables.

pub mod amount;
pub mod annotations;
pub mod approval_request;
pub mod controller_revision;
pub mod daemon_set;
mod fixed;
pub mod fleet_rollout;
pub mod generated;
pub mod names;
pub mod node_pool;
pub mod rbac;
pub mod rollout_strategy;
pub mod yurt_app_set;

use serde::{Deserialize, Deserializer};

/// Reads null like an absent field.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
