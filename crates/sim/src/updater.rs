//! The updater's process: its mirror, its runs, and the one place that asks the planner.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Name, Uid};
use planner::rollout::{
    self, Control, Decided, Facts, Hold, Input, LossSeen, Met, Plan, Point, Progress, Record, Restart, Run, Unit,
};
use planner::strategy::{Amount, Dependency, PoolLabels, Strategy, Timing};

use crate::cluster::{Rules, SetId};
use crate::mirror::Mirror;

/// One life of the process.
#[derive(Debug)]
pub(crate) struct Updater {
    pub(crate) mirror: Mirror,
    /// By DaemonSet.
    pub(crate) sets: Vec<Known>,
    /// The `RolloutStrategy`, or why there is no valid one.
    pub(crate) strategy: Result<Strategy, String>,
    /// The labels of NodePools, sorted by pool.
    pub(crate) pools: Vec<PoolLabels>,
    /// How far targets are that others drive.
    pub(crate) others: BTreeMap<Name, Progress>,
    /// Makes it plan by other rules than the run's.
    #[cfg(test)]
    pub(crate) tamper: Option<fn(&mut Strategy)>,
}

/// A DaemonSet as the process knows it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) generation: u64,
    pub(crate) observed: bool,
    pub(crate) min_ready: SignedDuration,
    pub(crate) name: Name,
    pub(crate) budget: Amount,
    /// It names the strategy.
    pub(crate) named: bool,
    /// How far its newest run is, for those that depend on it.
    pub(crate) standing: Progress,
    pub(crate) current: Option<Current>,
}

/// The run of the newest revision that is known.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each by its name")]
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) generation: u64,
    pub(crate) revision: Name,
    pub(crate) number: i64,
    pub(crate) revisions: Vec<Name>,
    pub(crate) control: Control,
    pub(crate) rules: Rules,
    pub(crate) approvals: Vec<Decided>,
    /// What humans were asked in this life.
    pub(crate) asked: Vec<(Name, Point)>,
    pub(crate) is_rollback: bool,
    pub(crate) last_completed: Option<Name>,
    /// The template is being brought back.
    pub(crate) goes_back: bool,
    pub(crate) run: Run,
    pub(crate) losses_seen: u64,
    /// Deletes whose outcome nobody told.
    pub(crate) doubts: Vec<Restart>,
    pub(crate) refused: Option<(String, Timestamp)>,
    pub(crate) published: Option<Record>,
    pub(crate) publishing: bool,
    /// A pod has a revision that is not known.
    pub(crate) puzzled: bool,
}

impl Updater {
    /// The nodes on which other DaemonSets' restarts are under way (rule 8).
    fn claimed(&self, by_others_than: SetId) -> HashSet<Uid> {
        let others = self.sets.iter().enumerate().filter(|(set, _)| *set != by_others_than);
        others.filter_map(|(_, known)| known.current.as_ref()).flat_map(|current| current.run.open_nodes()).collect()
    }

    /// Plans a DaemonSet's next steps, from one snapshot.
    pub(crate) fn plan(&mut self, set: SetId, now: Timestamp, timing: &Timing) -> Option<Plan> {
        let claimed = self.claimed(set);
        #[cfg_attr(not(test), expect(unused_mut, reason = "tests tamper with it"))]
        let mut strategy = self.sets[set].lawful()?;
        #[cfg(test)]
        self.tamper.inspect(|tamper| tamper(&mut strategy));
        let dependencies: Vec<_> = strategy.depends_on.iter().map(|dependency| self.progress(dependency)).collect();
        let mirror = &self.mirror;
        let known = &mut self.sets[set];
        let current = known.current.as_mut()?;
        let seen = |loss: &planner::fleet::Loss| LossSeen { eligible: true, loss: loss.clone() };
        let losses: Vec<_> = mirror.losses_after(current.losses_seen).iter().map(seen).collect();
        current.losses_seen = mirror.newest_loss();
        let places = mirror.places.values().filter_map(|place| Some((place.node.as_deref()?, place.pods_of(set))));
        let units: Vec<_> = places
            .map(|(node, pods)| {
                let claimed = claimed.contains(&node.uid);
                Unit { node, pods, eligible: true, claimed, refused: None }
            })
            .collect();
        drop(current.refused.take_if(|(_, retry)| *retry <= now));
        let refused = current.refused.clone().map(|(why, retry)| Hold::Refused { why, retry });
        let missing = self.strategy.as_ref().err().filter(|_| current.rules == Rules::Missing);
        let missing = missing.map(|why| Hold::InvalidStrategy { why: why.clone() });
        let input = Input {
            now,
            unit_kind: rollout::UnitKind::Node,
            target: rollout::Target {
                revision: current.revision.clone(),
                observed: known.observed && current.generation == known.generation,
                known: current.revisions.clone(),
                first: current.revisions.len() == 1,
                min_ready: known.min_ready,
            },
            strategy: &strategy,
            timing,
            control: current.control.clone(),
            units: &units,
            losses: &losses,
            history: &mirror.history,
            view: mirror.view(),
            held: missing.or(refused),
            facts: Facts {
                pools: &self.pools,
                approvals: &current.approvals,
                dependencies: &dependencies,
                is_rollback: current.is_rollback,
                last_completed: current.last_completed.as_ref(),
            },
        };
        let mut plan = rollout::plan(&input, std::mem::take(&mut current.run));
        current.run = std::mem::take(&mut plan.run);
        current.puzzled = plan.report.units.iter().any(|(_, hold)| matches!(hold, Hold::UnknownRevision { .. }));
        let is_newest = known.observed && current.generation == known.generation;
        known.standing = if is_newest { Progress::of(&plan.report) } else { unknown() };
        Some(plan)
    }

    /// How far what a strategy depends on is: a DaemonSet of this world, or something that is not.
    pub(crate) fn progress(&self, dependency: &Dependency) -> Progress {
        let mine = self.sets.iter().find(|known| known.name == dependency.name).map(|known| &known.standing);
        mine.or_else(|| self.others.get(&dependency.name)).cloned().unwrap_or_else(unknown)
    }
}

impl Known {
    /// The rules of the current run: those of the strategy that it got, or the annotation's budget and the service's rules.
    pub(crate) fn lawful(&self) -> Option<Strategy> {
        Some(match &self.current.as_ref()?.rules {
            Rules::Named(strategy) => strategy.clone(),
            Rules::Implied(strategy) => Strategy { max_unavailable: self.budget, ..strategy.clone() },
            Rules::Missing => Strategy::implied(self.budget),
        })
    }
}

/// A target of which nothing is known.
pub(crate) fn unknown() -> Progress {
    Progress::everywhere(Met::Unknown)
}
