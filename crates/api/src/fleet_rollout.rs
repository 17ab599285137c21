//! `FleetRollout`: the run that brings one target to one revision.

pub mod record;
pub mod status;
pub mod strategy;

use kube::CustomResource;
use planner::rollout;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fixed::Fixed;

pub use status::{Attention, FleetRolloutStatus, HaltStatus, MAX_ATTENTION, Phase, UnitCounts, WaveState, WaveStatus};
pub use strategy::Strategy;

/// What the run is about, how it goes, and what a user asks of it.
#[expect(clippy::duplicated_attributes, reason = "printer columns share their types")]
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[kube(
    group = "drover.dev",
    version = "v1alpha1",
    kind = "FleetRollout",
    plural = "fleetrollouts",
    shortname = "fr",
    category = "drover",
    namespaced,
    status = "FleetRolloutStatus",
    derive = "PartialEq",
    doc = "A FleetRollout is one run that brings one target (a DaemonSet) to one revision, node by node. Drover makes it, \
           one per revision, and tells its progress in the status. Users pause, resume, promote and abort it through \
           spec.desiredState, spec.promotedThrough and spec.resumeToken; everything else in the spec is fixed.",
    selectable = ".spec.targetRef.name",
    printcolumn(
        name = "Target",
        type_ = "string",
        json_path = ".spec.targetRef.name",
        description = "What is upgraded."
    ),
    printcolumn(
        name = "Revision",
        type_ = "integer",
        json_path = ".spec.revision.number",
        description = "The number of the revision it is brought to."
    ),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "The run in one word."),
    printcolumn(name = "Wave", type_ = "string", json_path = ".status.wave", description = "The wave that is open."),
    printcolumn(
        name = "Updated",
        type_ = "integer",
        json_path = ".status.units.updated",
        description = "Units at the revision."
    ),
    printcolumn(
        name = "Settled",
        type_ = "integer",
        json_path = ".status.units.settled",
        description = "Units at the revision that proved good."
    ),
    printcolumn(
        name = "Offline",
        type_ = "integer",
        json_path = ".status.units.offline",
        description = "Units whose node cannot be reached."
    ),
    printcolumn(
        name = "Failed",
        type_ = "integer",
        json_path = ".status.units.failed",
        description = "Units that failed at the revision."
    ),
    printcolumn(
        name = "Desired",
        type_ = "integer",
        json_path = ".status.units.desired",
        description = "All units of the target.",
        priority = 1
    ),
    printcolumn(
        name = "Halt",
        type_ = "string",
        json_path = ".status.halt.evidence",
        description = "Why the run is halted.",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when the run exists."
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(oldSelf.strategy) || (has(self.strategy) && self.strategy == oldSelf.strategy)",
        "message": "cannot be changed: it is a snapshot; change the target's RolloutStrategy for its next run",
        "fieldPath": ".strategy",
    },
    {
        "rule": "!has(oldSelf.strategy) || (has(self.strategyName) == has(oldSelf.strategyName) && \
                 (!has(self.strategyName) || self.strategyName == oldSelf.strategyName))",
        "message": "cannot be changed once strategy is set: it says where strategy was taken from",
        "fieldPath": ".strategyName",
    },
    {
        "rule": "has(self.rollbackOf) == has(oldSelf.rollbackOf) && \
                 (!has(self.rollbackOf) || self.rollbackOf == oldSelf.rollbackOf)",
        "message": "cannot be changed: it says why the run was made",
        "fieldPath": ".rollbackOf",
    },
]))]
pub struct FleetRolloutSpec {
    /// The object that is upgraded. Cannot be changed.
    #[schemars(transform = Fixed("a FleetRollout is the run of one target"), extend("x-kubernetes-map-type" = "atomic"))]
    pub target_ref: TargetRef,
    /// The revision that the target is brought to. Cannot be changed.
    #[schemars(
        transform = Fixed("a FleetRollout is the run of one revision; change the target's template for another"),
        extend("x-kubernetes-map-type" = "atomic")
    )]
    pub revision: Revision,
    /// How the run goes: a snapshot of the target's RolloutStrategy, or what holds for a target that names none. It is absent
    /// while the RolloutStrategy that the target names is missing or not valid; until then nothing starts. Once there it
    /// cannot be changed: an edit of the RolloutStrategy is for the next run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub strategy: Option<Strategy>,
    /// The RolloutStrategy that strategy was taken from, or is to be taken from. Absent for a target that names none; its
    /// budget is then the annotation apps.openyurt.io/max-unavailable. Cannot be changed once strategy is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub strategy_name: Option<String>,
    /// The run returns the target to its last completed revision because this one failed: it skips soak and windows, and is
    /// never rolled back itself. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub rollback_of: Option<Revision>,
    /// What the run is to do: `Running` goes on; `Paused` starts nothing until it is `Running` again; `Aborted` starts nothing
    /// any more. What is under way is watched to its end in all three. Default: `Running`.
    #[serde(default)]
    pub desired_state: DesiredState,
    /// The run skips the rest of the soak of every wave up to and including this one, and passes one of a YurtAppSet of which no pool
    /// is left. Setting it again changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub promoted_through: Option<String>,
    /// Set to `status.halt.token` to go on after that halt, in the knowledge of what it was about. A token of another halt
    /// does nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub resume_token: Option<String>,
}

/// The object that is upgraded.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// Its API version, such as apps/v1.
    #[schemars(length(min = 1, max = 317))]
    pub api_version: String,
    /// Its kind, such as DaemonSet.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Its name, in the namespace of the FleetRollout.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its UID: an object made again under the same name is another target.
    #[schemars(length(min = 1, max = 63))]
    pub uid: String,
}

/// A revision of the target.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The name of its ControllerRevision.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The number of its ControllerRevision at the time. A rollback uses an old revision's name with a new number, so that
    /// going from A to B and back to A makes three runs.
    #[schemars(range(min = 0))]
    pub number: i64,
}

/// What a run is to do.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DesiredState {
    /// Go on.
    #[default]
    Running,
    /// Start nothing until it is Running again.
    Paused,
    /// Start nothing any more.
    Aborted,
}

impl FleetRolloutSpec {
    /// What the user asks of the run, as the planner takes it.
    pub fn control(&self) -> rollout::Control {
        rollout::Control {
            desired: match self.desired_state {
                DesiredState::Running => rollout::DesiredState::Running,
                DesiredState::Paused => rollout::DesiredState::Paused,
                DesiredState::Aborted => rollout::DesiredState::Aborted,
            },
            resume_token: self.resume_token.clone().unwrap_or_default(),
            promoted_through: self.promoted_through.clone().unwrap_or_default(),
        }
    }
}
