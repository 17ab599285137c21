//! What the run of a YurtAppSet shows beside its counts: how each pool is, and what its set says itself.

use planner::rollout::PoolReport;

use super::{Held, Pods, Pool, PoolUnit, Progress, State, Units};
use crate::app_set::{AppSet, PlannedSet, notices};

impl Progress {
    /// Adds what a snapshot shows of each pool. What the service alone can know, that the API server refuses the revision in a pool,
    /// its status says.
    #[must_use]
    pub fn with_pools(mut self, app_set: &AppSet, planned: &PlannedSet, newest: bool) -> Self {
        let reports = &planned.plan.report.pools;
        let workloads = app_set.by_pool();
        let pods = |pool: &str| workloads.get(pool).map(|workload| Pods::from(*workload));
        for pool in self.waves.iter_mut().flat_map(|wave| &mut wave.pools) {
            let Some(report) = find(reports, &pool.name) else { continue };
            pool.unit = Some(PoolUnit { state: State::of(&report.counts), workload: pods(&pool.name) });
            let told = self.attention.iter().find(|told| told.pool == pool.name);
            if let Some(told) = told.filter(|_| pool.holds.is_empty() && report.counts.updated == 0) {
                pool.holds.push(Held { kind: "Refused".to_owned(), units: 1, sentence: told.hold.clone() });
                pool.needs_attention = true;
            }
        }
        let held = planned.writes.holds.iter().filter(|(name, _)| find(reports, name).is_none());
        self.apart = held
            .map(|(name, hold)| Pool {
                name: name.clone(),
                units: Units::default(),
                holds: vec![Held { kind: hold.kind().to_owned(), units: 1, sentence: hold.to_string() }],
                needs_attention: hold.is_error(),
                unit: Some(PoolUnit { state: State::Waiting, workload: pods(name) }),
            })
            .collect();
        self.notices = notices(&app_set.set, newest);
        self
    }
}

/// A pool in a report, which has them by name.
fn find<'r>(reports: &'r [PoolReport], pool: &str) -> Option<&'r PoolReport> {
    reports.binary_search_by(|report| (*report.pool).cmp(pool)).ok().map(|at| &reports[at])
}
