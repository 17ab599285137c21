//! The planner, run on a snapshot: what the service would decide of it.

use api::controller_revision::ControllerRevision;
use api::daemon_set::DaemonSet;
use api::fleet_rollout::FleetRollout;
use api::rollout_strategy::StrategyError;
use api::{annotations, names};
use jiff::SignedDuration;
use planner::fleet::{LossHistory, Name};
use planner::rollout::{self, Control, Facts, Input, Plan, Run, Target, Unit, UnitKind, View};
use planner::strategy::{self as plan, Timing};

use super::{Snapshot, facts};

/// What a snapshot is planned for.
#[derive(Debug)]
pub struct Planned {
    /// What the planner says.
    pub plan: Plan,
    /// By these rules.
    pub strategy: plan::Strategy,
}

/// Why nothing can be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlannedError {
    /// The strategy cannot be followed.
    #[error("strategy: {0}")]
    Strategy(#[from] StrategyError),
    /// An annotation cannot be followed.
    #[error(transparent)]
    Annotation(#[from] annotations::BadAnnotation),
    /// The run has no strategy yet.
    #[error("the run waits for its RolloutStrategy{}", name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default())]
    NoStrategy {
        /// The name of the RolloutStrategy.
        name: Option<String>,
    },
    /// The revision is not there.
    #[error("revision {0:?} of the DaemonSet is not there any more")]
    NoRevision(String),
}

impl Snapshot {
    /// What the service would do next in a run: its memory is that of the run's status.
    pub fn plan_run(&self, run: &FleetRollout, timing: &Timing) -> Result<Planned, PlannedError> {
        let strategy = self.strategy_of(run)?;
        let name = &run.spec.revision.name;
        let revision = facts::hash(self, name).ok_or_else(|| PlannedError::NoRevision(name.clone()))?;
        let newest = self.newest().is_some_and(|newest| newest.revision == run.spec.revision.number);
        let record = run.status.as_ref().and_then(|status| status.record.as_ref());
        let memory = record.map_or_else(|| Run::begin(None), Run::restore);
        let decided = facts::decisions(&self.approvals, run);
        let facts = Facts {
            pools: &self.pools,
            approvals: &decided,
            dependencies: &self.dependencies,
            is_rollback: run.spec.rollback_of.is_some(),
            ..Facts::default()
        };
        let target = self.target(&self.daemon_set, revision, newest);
        let plan = self.run(&self.daemon_set, target, &strategy, timing, run.spec.control(), facts, memory);
        Ok(Planned { plan, strategy })
    }

    /// What a new revision of this DaemonSet would begin with, under this strategy; `present` is its run until then.
    pub fn plan_change(
        &self,
        changed: &DaemonSet,
        strategy: plan::Strategy,
        present: Option<&FleetRollout>,
        timing: &Timing,
    ) -> Planned {
        // A revision that no pod has yet.
        let mut target = self.target(changed, "(new)".into(), true);
        target.observed = true;
        let facts = Facts { pools: &self.pools, dependencies: &self.dependencies, ..Facts::default() };
        // What is under way now keeps its slots.
        let record = present.and_then(|run| run.status.as_ref()?.record.as_ref());
        let memory = Run::begin(record.map(Run::restore).as_ref());
        let plan = self.run(changed, target, &strategy, timing, Control::default(), facts, memory);
        Planned { plan, strategy }
    }

    /// The rules of a run: its own snapshot; without a named strategy the budget follows the annotation.
    pub fn strategy_of(&self, run: &FleetRollout) -> Result<plan::Strategy, PlannedError> {
        let name = run.spec.strategy_name.clone();
        let Some(strategy) = &run.spec.strategy else { return Err(PlannedError::NoStrategy { name }) };
        let strategy = plan::Strategy::try_from(strategy)?;
        if name.is_some() || self.daemon_set.metadata.annotations.contains_key(names::STRATEGY) {
            return Ok(strategy);
        }
        let max_unavailable = annotations::max_unavailable(&self.daemon_set.metadata.annotations)?;
        Ok(plan::Strategy { max_unavailable, ..strategy })
    }

    fn target(&self, daemon_set: &DaemonSet, revision: Name, newest: bool) -> Target {
        let mine = |found: &&ControllerRevision| found.daemon_set() == Some(self.daemon_set.metadata.uid.as_str());
        let mut known: Vec<Name> =
            self.revisions.iter().filter(mine).filter_map(ControllerRevision::hash).map(Name::from).collect();
        if !known.contains(&revision) {
            known.push(revision.clone());
        }
        let first = known.len() == 1;
        let observed = newest && self.daemon_set.is_observed();
        Target { revision, observed, known, first, min_ready: daemon_set.min_ready() }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of the planner's input, and there are two callers")]
    fn run(
        &self,
        daemon_set: &DaemonSet,
        target: Target,
        strategy: &plan::Strategy,
        timing: &Timing,
        control: Control,
        facts: Facts<'_>,
        memory: Run,
    ) -> Plan {
        let placement = daemon_set.spec.template.spec.placement();
        let unit = |node: &'_ std::sync::Arc<planner::fleet::Node>| {
            let pods = self.pods.get(&node.name).map_or(&[][..], Vec::as_slice);
            (placement.admits(node), pods)
        };
        let units: Vec<Unit<'_>> = self
            .nodes
            .iter()
            .map(|node| (node, unit(node)))
            .filter(|(_, (eligible, pods))| *eligible || !pods.is_empty())
            .map(|(node, (eligible, pods))| Unit { node, pods, eligible, claimed: false, refused: None })
            .collect();
        // Who is reachable is told by the nodes' own stamps: the view is as old as it needs to be.
        let since = self.at - SignedDuration::from_hours(24);
        let input = Input {
            now: self.at,
            unit_kind: UnitKind::Node,
            target,
            strategy,
            timing,
            control,
            units: &units,
            losses: &[],
            history: &LossHistory::default(),
            view: View { since, heard: self.at },
            held: None,
            facts,
        };
        rollout::plan(&input, memory)
    }
}
