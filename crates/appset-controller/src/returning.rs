//! Rule 12 for pools: those that got a revision that failed go back to the last one that completed.
//!
//! The spec stays as it is, so that nothing has to be undone elsewhere: the pools are given the older revision as if they were pinned
//! to it, until the spec asks for something else. No pool waits for a window or for another wave; only as many pools of a wave are
//! under change at once as its strategy allows.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use planner::rollout::Plan;
use planner::strategy::Strategy;

use crate::units::{PoolUnit, Units};

/// How pools go back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returning {
    /// Pools that go back now, and to which revision: [`crate::plan::Input::returns`].
    pub pools: BTreeMap<String, String>,
    /// How many have the failed revision, those that go back now among them.
    pub left: usize,
}

impl Returning {
    /// Which pools go back, if the plan of the run says that it is to be rolled back.
    pub fn of(units: &Units, plan: &Plan, strategy: &Strategy) -> Self {
        let Some(to) = &plan.rollback else { return Self::default() };
        let mut returning = Self::default();
        for wave in &plan.report.waves {
            let is_mine = |unit: &&PoolUnit| {
                plan.report.pools.iter().any(|pool| *pool.pool == *unit.name() && pool.wave == wave.name)
            };
            let rules = (0..plan.report.waves.len()).map(|at| strategy.waves.at(at)).find(|at| at.name == wave.name);
            let limit = rules.and_then(|rules| rules.max_concurrent_pools).map(|most| most.allowed(wave.pools));
            let mine: Vec<&PoolUnit> = units.iter().filter(is_mine).collect();
            let busy =
                mine.iter().filter(|unit| *unit.revision() == *to && is_going_back(units, unit, strategy)).count();
            let mut touched: Vec<&PoolUnit> =
                mine.into_iter().filter(|unit| unit.revision() == units.revision()).collect();
            // Those that are down first.
            touched.sort_by_key(|unit| (unit.is_complete(), unit.name().to_owned()));
            returning.left += touched.len();
            let free = limit.map_or(touched.len(), |limit| (limit as usize).saturating_sub(busy));
            let go = touched.into_iter().take(free).map(|unit| (unit.name().to_owned(), to.to_string()));
            returning.pools.extend(go);
        }
        returning
    }

    /// Whether every pool is back.
    pub const fn is_over(&self) -> bool {
        self.left == 0
    }
}

/// Whether a pool that has the older revision holds a slot: Kubernetes is at it, and not for longer than a pool may take.
fn is_going_back(units: &Units, unit: &PoolUnit, strategy: &Strategy) -> bool {
    let since = unit.applied().map(|applied| units.now().duration_since(applied));
    let in_time = |since: SignedDuration| since < strategy.progress_deadline;
    !unit.is_complete() && unit.is_reachable() && since.is_some_and(in_time)
}
