//! Whose turn it is to get the newest revision.

use std::collections::BTreeMap;

use controller_runtime::rollouts::Rollout;
use planner::strategy::Amount;

use super::rules;
use crate::context::Context;
use crate::observe::Snapshot;
use crate::plan::{Action, Hold, Plan, Released, Step};

/// What a run says of the writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Which pools may get the newest revision.
    pub(crate) released: Released,
    /// The revision that each of these pools goes back to.
    pub(crate) returns: BTreeMap<String, String>,
    /// The revision that a failed run would go back to.
    pub(crate) last_completed: Option<String>,
    /// The bound of each workload's own rolling update.
    pub(crate) max_unavailable: Option<Amount>,
}

impl Turn {
    /// No pool waits for another.
    pub(super) fn everybodys(context: &Context, rollout: Option<&Rollout>, snapshot: &Snapshot) -> Self {
        let completed = rollout.and_then(|rollout| rollout.last_completed.clone());
        Self {
            released: Released::Unbound,
            returns: BTreeMap::new(),
            // What is no more cannot be gone back to.
            last_completed: completed.filter(|name| snapshot.history.iter().any(|known| known.name == *name)),
            max_unavailable: context
                .bound(&snapshot.set, rollout.and_then(|rollout| rules::of(rollout).max_unavailable)),
        }
    }

    /// Whether all of a plan that knows of no waves may be done, so that this one would be the same.
    pub(super) fn lets_pass(&self, unbound: &Plan) -> bool {
        let may = |step: &Step| match (&step.action, &self.released) {
            (Action::Delete { .. }, _) | (_, Released::All | Released::Unbound) => true,
            (Action::Create { .. } | Action::Apply { .. }, Released::These { pools, .. }) => pools.contains(&step.pool),
        };
        // Nothing is read with quorum for the sake of a pool that waits.
        let would_be_made = |hold: &Hold| matches!(hold, Hold::Unconfirmed);
        let waits = unbound.holds.iter().any(|(pool, hold)| would_be_made(hold) && !self.released.lets(pool));
        self.returns.is_empty() && !unbound.left_out && !waits && unbound.steps.iter().all(may)
    }
}
