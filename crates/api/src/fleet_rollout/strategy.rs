//! How a run goes, as a FleetRollout holds it. Meanings and defaults are those of rollouts.md.

use jiff::SignedDuration;
use planner::strategy as plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::IntOrPercent;

/// The longest duration in seconds that a strategy may name: a year.
const YEAR: u32 = 31_536_000;

/// How a run goes: its budgets, what counts as failure and what a failure leads to. A limit left out is no limit.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Strategy {
    /// The run is created Paused: its plan is visible, nothing starts. Default: false.
    pub start_paused: bool,
    /// Of all reachable units, how many may be down at once: an integer or a percentage (rounded up, at least 1). 0 stops
    /// the run. Left out: as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// `Doubling`: never more units under way than have settled at this revision (`failurePolicy.minObserved` to begin with),
    /// so that a bad release meets few nodes. `None`: only budgets limit. Default: `Doubling`.
    pub slow_start: SlowStart,
    /// What holds for every unit and pool.
    pub unit: UnitPolicy,
    /// What ends the run early.
    pub failure_policy: FailurePolicy,
    /// What becomes of nodes that are offline while the run passes.
    pub offline: OfflinePolicy,
}

/// How fast a run grows.
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

/// Total: what the API server admits, the planner takes. `start_paused` is no rule of the planner's: who creates the run
/// sets its `desiredState` by it. `report_after_seconds` is for reports only.
impl From<&Strategy> for plan::Strategy {
    fn from(strategy: &Strategy) -> Self {
        let Strategy { start_paused: _, max_unavailable, slow_start, unit, failure_policy, offline } = strategy;
        let unlimited = |amount: Option<IntOrPercent>| amount.map_or(plan::Amount::Percent(100), |amount| amount.0);
        let seconds = |seconds: u32| SignedDuration::from_secs(i64::from(seconds));
        Self {
            max_unavailable: unlimited(*max_unavailable),
            slow_start: match slow_start {
                SlowStart::Doubling => plan::SlowStart::Doubling,
                SlowStart::None => plan::SlowStart::None,
            },
            max_unavailable_per_pool: unit.max_unavailable_per_pool.map(|amount| amount.0),
            min_ready: seconds(unit.min_ready_seconds),
            progress_deadline: seconds(unit.progress_deadline_seconds),
            max_failures: failure_policy.max_failures.0,
            min_observed: failure_policy.min_observed,
            exposure: seconds(failure_policy.node_loss.exposure_seconds),
            false_halt_per_mille: failure_policy.node_loss.false_halt_per_mille,
            action: match failure_policy.action {
                FailureAction::Pause => plan::FailureAction::Pause,
                FailureAction::Rollback => plan::FailureAction::Rollback,
            },
            catch_up: match offline.catch_up {
                CatchUp::Always => plan::CatchUp::Always,
                CatchUp::InWindow => plan::CatchUp::InWindow,
                CatchUp::Never => plan::CatchUp::Never,
            },
            catch_up_max_unavailable: unlimited(offline.max_unavailable),
            waves: plan::Waves::one(),
            windows: Vec::new(),
            depends_on: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_implied_strategy_is_the_planners() {
        for budget in [plan::Amount::Percent(25), plan::Amount::Count(0)] {
            assert_eq!(plan::Strategy::from(&Strategy::implied(budget)), plan::Strategy::implied(budget));
        }
    }

    #[test]
    fn what_is_left_out_gets_its_default() {
        let strategy: Strategy = serde_json::from_value(serde_json::json!({"unit": {"minReadySeconds": 5}})).unwrap();
        assert_eq!(strategy.unit.progress_deadline_seconds, 1800);
        assert_eq!(strategy.failure_policy, FailurePolicy::default());
        assert_eq!(plan::Strategy::from(&strategy).max_unavailable, plan::Amount::Percent(100));
    }
}
