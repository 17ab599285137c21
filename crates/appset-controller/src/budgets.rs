//! How a strategy bounds a run over pools.
//!
//! Where a strategy says nothing, the pools of a wave get the revision in parallel: DaemonSets' defaults (a slow start, 10 per cent)
//! are about nodes that restart under one's hands, while a Deployment keeps a pool alive through its own rolling update. So
//! `maxUnavailable` and `slowStart` bound pools only where the user wrote them, and `unit.maxUnavailablePerPool` is no budget of the
//! run but the `maxUnavailable` of each workload's rolling update.

use api::amount::IntOrPercent;
use api::fleet_rollout::strategy::{self as given, FailurePolicy};
use planner::strategy::{Amount, SlowStart, Strategy};

/// More pools than there are.
const UNBOUND: u32 = i32::MAX.cast_unsigned();

/// What a strategy says of a run over pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// For the planner.
    pub strategy: Strategy,
    /// For the rolling update of each workload.
    pub max_unavailable: Option<Amount>,
}

/// Reads the snapshot of a strategy in a FleetRollout.
pub fn rules(snapshot: &given::Strategy) -> Result<Rules, given::StrategyError> {
    Ok(Rules::of(Strategy::try_from(snapshot)?, snapshot))
}

impl Rules {
    /// The same of a strategy that was read already.
    pub fn of(mut strategy: Strategy, snapshot: &given::Strategy) -> Self {
        if snapshot.max_unavailable.is_none() {
            strategy.max_unavailable = Amount::Count(UNBOUND);
        }
        if snapshot.offline.max_unavailable.is_none() {
            strategy.catch_up_max_unavailable = Amount::Count(UNBOUND);
        }
        if snapshot.slow_start.is_none() {
            strategy.slow_start = SlowStart::None;
        }
        let max_unavailable = strategy.max_unavailable_per_pool.take();
        Self { strategy, max_unavailable }
    }
}

/// The strategy of a YurtAppSet that names none: every pool gets the revision at once, and pools that fail stop no other, as with
/// OpenYurt.
pub fn implied() -> given::Strategy {
    let failure_policy =
        FailurePolicy { max_failures: IntOrPercent::count(UNBOUND), min_observed: 1, ..FailurePolicy::default() };
    given::Strategy { failure_policy, ..given::Strategy::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(strategy: serde_json::Value) -> Rules {
        rules(&serde_json::from_value(strategy).unwrap()).unwrap()
    }

    #[test]
    fn who_writes_only_waves_gets_pools_in_parallel() {
        let Rules { strategy, max_unavailable } = read(json!({"waves": [{"name": "canary", "pools": ["lab"]}]}));
        assert_eq!((strategy.max_unavailable.allowed(20), strategy.slow_start), (UNBOUND, SlowStart::None));
        assert_eq!((strategy.catch_up_max_unavailable.allowed(20), max_unavailable), (UNBOUND, None));
    }

    #[test]
    fn what_the_user_writes_bounds_pools_and_the_update_in_each() {
        let Rules { strategy, max_unavailable } = read(json!({
            "maxUnavailable": "10%", "slowStart": "Doubling", "offline": {"maxUnavailable": 1},
            "unit": {"maxUnavailablePerPool": "25%"},
        }));
        assert_eq!((strategy.max_unavailable.allowed(20), strategy.slow_start), (2, SlowStart::Doubling));
        assert_eq!(strategy.catch_up_max_unavailable.allowed(20), 1);
        assert_eq!((strategy.max_unavailable_per_pool, max_unavailable), (None, Some(Amount::Percent(25))));
    }
}
