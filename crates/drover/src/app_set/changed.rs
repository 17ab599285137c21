//! A YurtAppSet that is not applied yet: what appset-controller would make of it.

use std::collections::BTreeMap;

use api::fleet_rollout::FleetRollout;
use appset_controller::budgets::Rules;
use appset_controller::plan as writes;
use appset_controller::plan::OnRefusal;
use controller_runtime::rollouts::failed_before;
use planner::rollout::{Control, DesiredState, Run};
use planner::strategy::Timing;

use super::planned::unsighted;
use super::{AppSet, PlannedSet};

/// Under what the change would be rolled out.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The YurtAppSet's runs until then, oldest first.
    pub runs: &'a [FleetRollout],
    /// The rules of the run.
    pub rules: &'a Rules,
    /// A run that begins is paused.
    pub paused: bool,
    /// The cluster's durations.
    pub timing: &'a Timing,
}

impl AppSet {
    /// The run that goes on, where the workload is what it was.
    pub fn run_that_stays<'r>(&self, runs: &'r [FleetRollout]) -> Option<&'r FleetRollout> {
        runs.last().filter(|run| self.is_newest(run))
    }

    /// What would be written if every wave were open. A pool's refusal holds all, as it does unless the service is told otherwise;
    /// `refused` is why the API server would take no workload, by pool.
    pub fn plan_writes_of(&self, change: Change<'_>, refused: &BTreeMap<String, String>) -> writes::Plan {
        let floor = change.runs.last().map_or(0, |run| run.spec.revision.number);
        self.plan_writes(OnRefusal::HoldAll, self.bound(change.rules.max_unavailable), refused, floor)
    }

    /// What the service would do first with these writes.
    pub fn plan_change(&self, change: Change<'_>, writes: writes::Plan) -> PlannedSet {
        let Change { runs, rules, paused, timing } = change;
        if let Some(run) = self.run_that_stays(runs) {
            return self.plan_next(run, rules.strategy.clone(), writes, timing);
        }
        let last = runs.last().and_then(|run| run.status.as_ref()?.record.as_ref());
        // What is under way now keeps its slots.
        let memory = Run::begin(last.map(Run::restore).as_ref());
        let revision = writes.current.as_ref().map(|current| current.name.clone()).unwrap_or_default();
        let memory = match failed_before(&revision, runs) {
            Some(evidence) => memory.returned(evidence, self.at),
            None => memory,
        };
        let desired = if paused { DesiredState::Paused } else { DesiredState::Running };
        let (strategy, timing) = (rules.strategy.clone(), unsighted(timing));
        let control = Control { desired, ..Control::default() };
        let plan = self.conduct(&revision, &writes, &self.course(&strategy, &timing, control, &[]), memory);
        PlannedSet { plan, strategy, writes }
    }
}
