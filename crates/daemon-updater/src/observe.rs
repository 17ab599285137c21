//! Third step: one snapshot of the mirror, planned under its lock. No await between seeing and deciding.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use controller_runtime::fleet::State;
use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Name, Node, Pod};
use planner::rollout::{self, Decided, Facts, Hold, Input, LossSeen, Plan, Progress, Unit, View};
use planner::strategy::PoolLabels;

use crate::admit::Target;
use crate::context::{Context, Current, Places};

/// Plans the run's next steps. `None` while a mirror is being listed.
pub(crate) fn plan(context: &Context, target: &Target, current: &mut Current) -> Option<Plan> {
    let silence = SignedDuration::try_from(context.daemon_sets.heard()?.elapsed()).ok()?;
    let given = current.rollout.rules.are_named().then(|| Given::read(context, target, current));
    let mut claims = context.claims.lock();
    let state = context.fleet.lock();
    if !state.is_listed() {
        return None;
    }
    let view = state.view()?;
    current.places.refresh(target, &state);
    let (losses, newest) = state.losses_after(mem::take(&mut current.losses_seen));
    current.losses_seen = newest;
    let seen = |loss: planner::fleet::Loss| LossSeen { eligible: target.placement.admits(&loss.node), loss };
    let losses: Vec<_> = losses.into_iter().map(seen).collect();
    let mut units = units(&state, target, &current.places);
    units.iter_mut().for_each(|unit| unit.claimed = claims.by_other(target.uid, unit.node.uid));
    if units.iter().any(|unit| unit.claimed) {
        claims.wait(target.uid);
    }
    let now = Timestamp::now();
    let held = held(context, current, now);
    let strategy = current.rollout.rules.now(target.budget);
    let input = Input {
        now,
        unit_kind: rollout::UnitKind::Node,
        target: rollout::Target {
            revision: current.revision.clone(),
            observed: target.observed && current.generation == target.generation,
            known: current.known.clone(),
            first: current.known.len() == 1,
            min_ready: target.min_ready,
        },
        strategy,
        timing: &context.timing,
        control: current.rollout.object.spec.control(),
        units: &units,
        losses: &losses,
        history: state.loss_history(),
        // The run may be superseded, and only the watch of DaemonSets would say so.
        view: View { heard: view.heard.min(now - silence), ..view },
        held,
        facts: Facts {
            is_rollback: current.rollout.object.spec.rollback_of.is_some(),
            last_completed: current.last_completed.as_ref().map(|completed| &completed.hash),
            ..given.as_ref().map_or_else(Facts::default, Given::facts)
        },
    };
    #[cfg(feature = "seeded-bugs")]
    let mut plan = crate::seeded::plan(&input, mem::take(&mut current.rollout.run));
    #[cfg(not(feature = "seeded-bugs"))]
    let mut plan = rollout::plan(&input, mem::take(&mut current.rollout.run));
    current.rollout.run = mem::take(&mut plan.run);
    current.doubtful_revision = plan.report.units.iter().any(|(_, hold)| matches!(hold, Hold::UnknownRevision { .. }));
    let mine: HashSet<_> =
        current.rollout.run.open_nodes().chain(plan.steps.iter().map(|step| step.node_uid)).collect();
    claims.set(target.uid, mine).into_iter().for_each(|waiting| context.queue.add(waiting));
    Some(plan)
}

/// What a RolloutStrategy may ask of the world.
struct Given {
    pools: Arc<[PoolLabels]>,
    approvals: Vec<Decided>,
    dependencies: Vec<Progress>,
}

impl Given {
    fn read(context: &Context, target: &Target, current: &Current) -> Self {
        let strategy = current.rollout.rules.strategy();
        Self {
            pools: context.pools.labels(),
            dependencies: context.desk.progress(target.of_runs(), strategy),
            approvals: context.desk.approvals(&current.rollout),
        }
    }

    fn facts(&self) -> Facts<'_> {
        let Self { pools, approvals, dependencies } = self;
        Facts { pools, approvals, dependencies, ..Facts::default() }
    }
}

/// A reason from outside the run to start nothing.
fn held(context: &Context, current: &mut Current, now: Timestamp) -> Option<Hold> {
    if let Some(hold) = context.config.yurt_manager.hold(&context.neighbour.borrow()) {
        return Some(hold);
    }
    if let Some(hold) = current.rollout.rules.hold() {
        return Some(hold);
    }
    match current.refused.take() {
        Some((why, retry)) if now < retry => {
            current.refused = Some((why.clone(), retry));
            Some(Hold::Refused { why, retry })
        }
        Some(_) | None => None,
    }
}

/// Every node that the template may run on or that has a pod of it, with its pods: two sorted lists, merged.
fn units<'a>(state: &'a State, target: &Target, places: &Places) -> Vec<Unit<'a>> {
    let mut pods = state.pods_of(target.uid).peekable();
    let mut units = Vec::with_capacity(places.eligible.len());
    for (node, eligible) in state.nodes().zip(&places.eligible) {
        while pods.next_if(|(name, _)| **name < node.name).is_some() {}
        let pods: &[Pod] = pods.next_if(|(name, _): &(&Name, _)| **name == node.name).map_or(&[], |(_, pods)| pods);
        if *eligible || !pods.is_empty() {
            units.push(Unit { node, pods, eligible: *eligible, claimed: false, refused: None });
        }
    }
    units
}

impl Places {
    fn refresh(&mut self, target: &Target, state: &State) {
        if self.generation == target.generation && self.nodes_version == state.nodes_version() {
            return;
        }
        let admits = |node: &Arc<Node>| target.placement.admits(node);
        self.eligible = state.nodes().map(admits).collect();
        self.generation = target.generation;
        self.nodes_version = state.nodes_version();
    }
}
