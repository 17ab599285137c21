//! Rule 12 for pools: those that got a revision that failed go back to the last one that completed.
//!
//! The spec stays as it is, so that nothing has to be undone elsewhere: the pools are given the older revision as if they were pinned
//! to it, until the spec asks for something else. No pool waits for a window or for another wave; only as many are under change at once
//! as the run's and its wave's `maxUnavailable`, and the wave's `maxConcurrentPools`, allow.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use planner::rollout::{Plan, Run, WaveReport};
use planner::strategy::{Strategy, Wave};

use crate::units::{PoolUnit, Units};

/// Clocks of two API servers, one of which made the run and the other wrote a workload, are no farther apart.
const APART: SignedDuration = SignedDuration::from_secs(10);

/// How pools go back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returning {
    /// Pools that go back now, and to which revision: [`crate::plan::Input::returns`].
    pub pools: BTreeMap<String, String>,
    /// How many have the failed revision by the run, those that go back now among them.
    pub left: usize,
}

/// How many more pools may be under change.
struct Slots<'a> {
    of_run: u32,
    /// Of each wave, in order.
    of_waves: Vec<u32>,
    /// The place of each pool's wave.
    waves: HashMap<&'a str, usize>,
}

impl Returning {
    /// Which pools go back, if the plan of the run says that it is to be rolled back: those to which the run, which `began` then, gave
    /// the revision, and none that had it before.
    pub fn of(units: &Units, plan: &Plan, run: &Run, strategy: &Strategy, began: Timestamp) -> Self {
        let Some(to) = &plan.rollback else { return Self::default() };
        let mut slots = Slots::of(plan, strategy);
        let busy = units.iter().filter(|unit| *unit.revision() == *to && is_going_back(units, unit, strategy));
        busy.for_each(|unit| slots.take(unit));
        let is_touched = |unit: &&PoolUnit| {
            let since = unit.applied().is_some_and(|applied| applied + APART >= began);
            let had_it = run.track(unit.uid()).is_some_and(|track| track.activation.adopted);
            unit.revision() == units.revision() && since && !had_it && slots.waves.contains_key(unit.name())
        };
        let mut touched: Vec<&PoolUnit> = units.iter().filter(is_touched).collect();
        // Those that are down first.
        touched.sort_by_key(|unit| (unit.is_complete(), unit.name()));
        let left = touched.len();
        let may = |unit: &&PoolUnit| {
            let free = slots.is_free(unit);
            if free {
                slots.take(unit);
            }
            free
        };
        let pools = touched.into_iter().filter(may).map(|unit| (unit.name().to_owned(), to.to_string())).collect();
        Self { pools, left }
    }

    /// Whether every pool is back.
    pub const fn is_over(&self) -> bool {
        self.left == 0
    }
}

impl<'a> Slots<'a> {
    fn of(plan: &'a Plan, strategy: &Strategy) -> Self {
        let report = &plan.report;
        let places: HashMap<_, _> = report.waves.iter().enumerate().map(|(at, wave)| (&wave.name, at)).collect();
        let wave = |(at, wave): (usize, &WaveReport)| free(strategy, strategy.waves.at(at), wave);
        Self {
            of_run: strategy.max_unavailable.allowed(report.counts.reachable),
            of_waves: report.waves.iter().enumerate().map(wave).collect(),
            waves: report.pools.iter().filter_map(|pool| Some((&*pool.pool, *places.get(&pool.wave)?))).collect(),
        }
    }

    fn is_free(&self, unit: &PoolUnit) -> bool {
        self.of_run > 0 && self.waves.get(unit.name()).is_some_and(|at| self.of_waves[*at] > 0)
    }

    fn take(&mut self, unit: &PoolUnit) {
        let Some(at) = self.waves.get(unit.name()) else { return };
        self.of_run = self.of_run.saturating_sub(1);
        self.of_waves[*at] = self.of_waves[*at].saturating_sub(1);
    }
}

/// As many pools of a wave may be under change.
fn free(strategy: &Strategy, rules: &Wave, wave: &WaveReport) -> u32 {
    let unavailable = rules.max_unavailable.unwrap_or(strategy.max_unavailable).allowed(wave.counts.reachable);
    rules.max_concurrent_pools.map_or(unavailable, |most| most.allowed(wave.pools).min(unavailable))
}

/// Whether a pool that has the older revision holds a slot: Kubernetes is at it, and not for longer than a pool may take.
fn is_going_back(units: &Units, unit: &PoolUnit, strategy: &Strategy) -> bool {
    let since = unit.applied().map(|applied| units.now().duration_since(applied));
    let in_time = |since: SignedDuration| since < strategy.progress_deadline;
    !unit.is_complete() && unit.is_reachable() && since.is_some_and(in_time)
}
