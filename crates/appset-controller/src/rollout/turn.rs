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
            max_unavailable: context.bound(&snapshot.set, rollout.and_then(|rollout| rules(rollout).max_unavailable)),
        }
    }

    /// Whether all of a plan that knows of no waves may be done, so that this one would be the same.
    pub(super) fn lets_pass(&self, unbound: &Plan) -> bool {
        let may = |step: &Step| matches!(step.action, Action::Delete { .. }) || self.released.lets(&step.pool);
        // Nothing is read with quorum for the sake of a pool that waits.
        let waits = |(pool, hold): (&String, &Hold)| matches!(hold, Hold::Unconfirmed) && !self.released.lets(pool);
        self.returns.is_empty()
            && !unbound.left_out
            && !unbound.holds.iter().any(waits)
            && unbound.steps.iter().all(may)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_not_read_with_quorum_for_a_pool_that_waits() {
        let turn = Turn {
            released: Released::these(["a"]),
            returns: BTreeMap::new(),
            last_completed: None,
            max_unavailable: None,
        };
        let unread = |pool: &str| Plan { holds: [(pool.to_owned(), Hold::Unconfirmed)].into(), ..Plan::default() };
        assert!(turn.lets_pass(&unread("a")), "it is its turn");
        assert!(!turn.lets_pass(&unread("b")), "it is not: the plan that knows so reads nothing");
        assert!(Turn { released: Released::Unbound, ..turn }.lets_pass(&unread("b")));
    }
}
