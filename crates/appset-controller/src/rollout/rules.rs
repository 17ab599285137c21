//! The rules of a run over pools.

use controller_runtime::rollouts::Rollout;

use crate::budgets::{self, Rules};

/// Those in the run's object. While there are none that can be followed the run itself holds, and these say nothing.
pub(super) fn of(rollout: &Rollout) -> Rules {
    let given = rollout.object.spec.strategy.as_ref().and_then(|snapshot| budgets::rules(snapshot).ok());
    given.unwrap_or_else(|| Rules { strategy: rollout.rules.strategy().clone(), max_unavailable: None })
}
