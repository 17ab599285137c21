//! What must hold of every plan, as named functions: used by tests, and by debug builds after every plan.
//!
//! They recompute from the input, by other means than the planner, what it was allowed to do.

mod budgets;
mod waves;

use std::collections::HashSet;

use super::{DesiredState, Input, Outcome, Plan, Unit};
use crate::fleet::{Pod, Uid};
use crate::strategy::SlowStart;

pub use budgets::starts_within_budgets;
pub use waves::{pools_take_turns, starts_have_their_turn, waves_open_in_order};

/// A rule and how it was broken.
pub type Broken = String;

/// All of them, in one call; `Err` names the first that is broken.
pub fn check(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    starts_within_budgets(input, plan)?;
    waves_open_in_order(input, plan)?;
    pools_take_turns(input, plan)?;
    starts_have_their_turn(input, plan)?;
    slow_start_holds(input, plan)?;
    only_reachable_units_start(input, plan)?;
    units_at_target_are_untouched(input, plan)?;
    nothing_starts_while_stopped(input, plan)?;
    every_unmoved_unit_is_explained(input, plan)
}

/// Rule 2.
pub fn slow_start_holds(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    if plan.steps.is_empty() || input.strategy.slow_start == SlowStart::None {
        return Ok(());
    }
    let open = plan.run.open_nodes().filter(|uid| plan.run.track(*uid).is_some_and(|t| !t.activation.inherited));
    let unsettled = open.count() + plan.steps.len();
    let limit = input.strategy.min_observed.max(plan.report.counts.settled).max(1) as usize;
    if unsettled > limit {
        return Err(format!("slow start: {unsettled} unsettled units, limit {limit}"));
    }
    Ok(())
}

/// Rules 4, 7 and 8: nothing starts on a node that is away, just back, cordoned, not eligible or busy.
pub fn only_reachable_units_start(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    for (unit, step) in started(input, plan) {
        let waits = unit.refused.is_some_and(|refusal| input.now < refusal.retry);
        if !unit.eligible || unit.claimed || waits || !is_reachable(input, unit) {
            return Err(format!("{} starts, but is not reachable, not eligible or busy", step.node));
        }
    }
    Ok(())
}

/// Rule 9: a unit at the newest revision is never restarted; a pod is deleted under the UID that was decided on.
pub fn units_at_target_are_untouched(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    let found = started(input, plan).count();
    if found != plan.steps.len() {
        return Err(format!("{} steps for {found} units that have such a pod", plan.steps.len()));
    }
    for (unit, step) in started(input, plan) {
        if live(unit).is_none_or(|pod| pod.revision == input.target.revision || pod.uid != step.pod_uid) {
            return Err(format!("{} is at the newest revision, or {} is not its pod", step.node, step.pod_uid));
        }
    }
    Ok(())
}

/// Rules 6, 10 and 14.
pub fn nothing_starts_while_stopped(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    let stale = input.view.heard + input.timing.watch_stale <= input.now;
    let stopped = plan.run.halt().is_some()
        || plan.run.doubt.is_some()
        || input.control.desired != DesiredState::Running
        || stale
        || !input.target.observed
        || input.held.is_some();
    if stopped && !plan.steps.is_empty() {
        return Err(format!("{} units start although the run is stopped", plan.steps.len()));
    }
    Ok(())
}

/// Everything not done is explained.
pub fn every_unmoved_unit_is_explained(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    let explained: HashSet<_> = plan.report.units.iter().map(|(node, _)| node).collect();
    let moving: HashSet<_> = plan.steps.iter().map(|step| &step.node).collect();
    for unit in input.units.iter().filter(|unit| unit.eligible) {
        let under_way = plan.run.track(unit.node.uid).is_some_and(|track| track.outcome == Outcome::Open);
        let done = live(unit).is_some_and(|pod| pod.revision == input.target.revision);
        if !done && !under_way && !moving.contains(&unit.node.name) && !explained.contains(&unit.node.name) {
            return Err(format!("{} is neither moved nor explained", unit.node.name));
        }
    }
    Ok(())
}

fn started<'i>(input: &'i Input<'_>, plan: &'i Plan) -> impl Iterator<Item = (&'i Unit<'i>, &'i super::Restart)> {
    let by_uid = |uid: Uid| input.units.iter().find(|unit| unit.node.uid == uid);
    plan.steps.iter().filter_map(move |step| Some((by_uid(step.node_uid)?, step)))
}

fn is_reachable(input: &Input<'_>, unit: &Unit<'_>) -> bool {
    let long = |since| input.now.duration_since(since) >= input.timing.reachable_after;
    !unit.node.cordoned && unit.node.link.ready_since().is_some_and(long)
}

fn is_available(input: &Input<'_>, pod: &Pod) -> bool {
    let long = |since| input.now.duration_since(since) >= input.target.min_ready;
    pod.ready.is_some_and(|ready| ready.at_first_sight || long(ready.since))
}

fn live<'p>(unit: &Unit<'p>) -> Option<&'p Pod> {
    unit.pods.iter().filter(|pod| pod.is_live()).max_by_key(|pod| (pod.created, pod.uid))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
