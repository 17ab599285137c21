//! How a run goes: the spec of a `RolloutStrategy`, and the snapshot of it that a FleetRollout holds. Meanings and defaults
//! are those of rollouts.md.

mod dependency;
mod parsed;
mod selector;
mod wave;
mod window;

use kube::CustomResource;
use planner::strategy as plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::IntOrPercent;

pub use dependency::{Dependency, Scope};
pub use parsed::StrategyError;
pub use selector::{PoolOperator, PoolRequirement, PoolSelector};
pub use wave::{Approval, OnInconclusive, Wave};
pub use window::{Effect, Weekday, Window};

/// The longest duration in seconds that a strategy may name: a year.
const YEAR: u32 = 31_536_000;

/// How a run goes: in which order pools are changed, when and how many at once, what counts as failure and what a failure
/// leads to. A limit left out is no limit.
#[expect(clippy::duplicated_attributes, reason = "printer columns share their types")]
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[kube(
    group = "drover.dev",
    version = "v1alpha1",
    kind = "RolloutStrategy",
    plural = "rolloutstrategies",
    shortname = "rst",
    category = "drover",
    namespaced,
    derive = "PartialEq",
    doc = "A RolloutStrategy says how new revisions of a target (a DaemonSet) go through the fleet. A target of its namespace \
           names it in the annotation drover.dev/strategy; any number of targets may. Each run keeps the strategy as it was \
           when the run began: an edit is for the next run.",
    printcolumn(
        name = "FirstWave",
        type_ = "string",
        json_path = ".spec.waves[0].name",
        description = "The wave that comes first; none: one wave of all pools."
    ),
    printcolumn(
        name = "MaxUnavailable",
        type_ = "string",
        json_path = ".spec.maxUnavailable",
        description = "Of all reachable units, how many may be down at once."
    ),
    printcolumn(
        name = "PerPool",
        type_ = "string",
        json_path = ".spec.unit.maxUnavailablePerPool",
        description = "Of a pool's reachable units, how many may be down at once."
    ),
    printcolumn(
        name = "OnFailure",
        type_ = "string",
        json_path = ".spec.failurePolicy.action",
        description = "What a failure leads to."
    ),
    printcolumn(
        name = "SlowStart",
        type_ = "string",
        json_path = ".spec.slowStart",
        description = "How fast a run grows.",
        priority = 1
    ),
    printcolumn(
        name = "CatchUp",
        type_ = "string",
        json_path = ".spec.offline.catchUp",
        description = "When nodes that return are upgraded.",
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
pub struct Strategy {
    /// The run is created Paused: its plan is visible, nothing starts. Default: false.
    pub start_paused: bool,
    /// Of all reachable units, how many may be down at once: an integer or a percentage (rounded up, at least 1). 0 stops
    /// the run. Left out: as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// How fast the run grows. Left out: `Doubling` for a DaemonSet, `None` for a YurtAppSet, whose pools get a revision in parallel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<SlowStart>,
    /// In which order pools are changed: one wave after the other, at most 99. Pools that none of them chose form a last
    /// wave, rest. Left out: one wave of all pools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = wave::MAX_WAVES), extend("x-kubernetes-validations" = [{
        "rule": "self.all(wave, self.exists_one(other, other.name == wave.name))",
        "message": "must have different names: a wave is known by its name",
    }]))]
    pub waves: Vec<Wave>,
    /// What holds for every unit and pool.
    pub unit: UnitPolicy,
    /// What ends the run early.
    pub failure_policy: FailurePolicy,
    /// What becomes of nodes that are offline while the run passes.
    pub offline: OfflinePolicy,
    /// When pools may be changed. Left out: always.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub windows: Vec<Window>,
    /// Other targets that go first. Left out: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub depends_on: Vec<Dependency>,
}

/// `Doubling`: never more units under way than have settled at this revision (`failurePolicy.minObserved` to begin with), so that a
/// bad release meets few of them. `None`: only budgets limit. Left out: `Doubling` for a DaemonSet, `None` for a YurtAppSet, whose
/// pools get a revision in parallel.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SlowStart {
    /// As many units under way as have settled.
    #[default]
    Doubling,
    /// Only budgets limit.
    None,
}

/// What holds for every unit and pool.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct UnitPolicy {
    /// Of a pool's reachable units, how many may be down at once: an integer or a percentage (rounded up, at least 1). 0
    /// stops. Left out: pools have no budget of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable_per_pool: Option<IntOrPercent>,
    /// Seconds for which a unit must be Ready before it counts as settled; the target's own minReadySeconds and the time in
    /// which Kubernetes notices a dead node count too, the longest wins. Default: 0.
    #[schemars(range(min = 0, max = YEAR))]
    pub min_ready_seconds: u32,
    /// Seconds after its restart at which a unit that has not settled, while its node was Ready, has failed. Default: 1800.
    #[schemars(range(min = 1, max = YEAR))]
    pub progress_deadline_seconds: u32,
}

/// What ends a run early.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct FailurePolicy {
    /// Of the units updated so far, how many may fail: an integer or a percentage (rounded up). Default: 5%.
    pub max_failures: IntOrPercent,
    /// No verdict on fewer units than this. Default: 3.
    #[schemars(range(min = 1, max = 1000))]
    pub min_observed: u32,
    /// When nodes that went away speak against the release.
    pub node_loss: NodeLoss,
    /// What a failure leads to: `Pause` halts the run until a human or a new revision goes on; `Rollback` returns to the
    /// last completed revision. Default: `Pause`.
    pub action: FailureAction,
}

/// When nodes that went away speak against the release.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeLoss {
    /// Seconds after its new pod was first Ready in which the loss of a node may be the release's doing. Default: 600.
    #[schemars(range(min = 0, max = YEAR))]
    pub exposure_seconds: u32,
    /// Of a thousand harmless releases, how many the test may halt. Fewer false halts cost more lost nodes before a bad
    /// release is halted. Default: 10.
    #[schemars(range(min = 1, max = 500))]
    pub false_halt_per_mille: u32,
}

/// What a failure leads to.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailureAction {
    /// Halt, and wait.
    #[default]
    Pause,
    /// Go back to the last completed revision.
    Rollback,
}

/// What becomes of nodes that are offline while the run passes.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct OfflinePolicy {
    /// When a node that returns is upgraded: `Always` (as soon as it is reachable), `InWindow` (in an open window) or
    /// `Never`. Default: `Always`.
    pub catch_up: CatchUp,
    /// Of all reachable units, how many may be down at once for catching up, inside the other budgets: an integer or a
    /// percentage (rounded up, at least 1). Left out: no limit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// Seconds offline after which a node that is still to be upgraded is reported. Default: 2592000 (30 days).
    #[schemars(range(min = 0, max = YEAR))]
    pub report_after_seconds: u32,
}

/// When a node that returns is upgraded.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// As soon as it is reachable.
    #[default]
    Always,
    /// In an open window.
    InWindow,
    /// Not at all.
    Never,
}

impl Strategy {
    /// The strategy of a target that names none: one wave of all pools under this budget, with a slow start.
    pub fn implied(max_unavailable: plan::Amount) -> Self {
        Self {
            max_unavailable: Some(IntOrPercent(max_unavailable)),
            offline: OfflinePolicy { max_unavailable: Some(IntOrPercent::percent(10)), ..OfflinePolicy::default() },
            ..Self::default()
        }
    }
}

impl Default for UnitPolicy {
    fn default() -> Self {
        Self { max_unavailable_per_pool: None, min_ready_seconds: 0, progress_deadline_seconds: 1800 }
    }
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self {
            max_failures: IntOrPercent::percent(5),
            min_observed: 3,
            node_loss: NodeLoss::default(),
            action: FailureAction::default(),
        }
    }
}

impl Default for NodeLoss {
    fn default() -> Self {
        Self { exposure_seconds: 600, false_halt_per_mille: 10 }
    }
}

impl Default for OfflinePolicy {
    fn default() -> Self {
        Self { catch_up: CatchUp::default(), max_unavailable: None, report_after_seconds: 2_592_000 }
    }
}

#[cfg(test)]
mod tests;
