//! The updater's process: its mirror, its runs, and the one place that asks the planner.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Name, Uid};
use planner::rollout::{self, Control, Facts, Hold, Input, LossSeen, Plan, Record, Restart, Run, Unit};
use planner::strategy::{Amount, Strategy, Timing};

use crate::cluster::SetId;
use crate::mirror::Mirror;

/// One life of the process.
#[derive(Debug)]
pub(crate) struct Updater {
    pub(crate) mirror: Mirror,
    /// By DaemonSet.
    pub(crate) sets: Vec<Known>,
}

/// A DaemonSet as the process knows it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) generation: u64,
    pub(crate) observed: bool,
    pub(crate) min_ready: SignedDuration,
    pub(crate) budget: Amount,
    pub(crate) current: Option<Current>,
}

/// The run of the newest revision that is known.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) generation: u64,
    pub(crate) revision: Name,
    pub(crate) number: i64,
    pub(crate) revisions: Vec<Name>,
    pub(crate) control: Control,
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
    pub(crate) fn plan(&mut self, set: SetId, now: Timestamp, strategy: &Strategy, timing: &Timing) -> Option<Plan> {
        let claimed = self.claimed(set);
        let mirror = &self.mirror;
        let known = &mut self.sets[set];
        let current = known.current.as_mut()?;
        let seen = |loss: &planner::fleet::Loss| LossSeen { eligible: true, loss: loss.clone() };
        let losses: Vec<_> = mirror.losses_after(current.losses_seen).iter().map(seen).collect();
        current.losses_seen = mirror.newest_loss();
        let places = mirror.places.values().filter_map(|place| Some((place.node.as_deref()?, place.pods_of(set))));
        let units: Vec<_> = places
            .map(|(node, pods)| Unit { node, pods, eligible: true, claimed: claimed.contains(&node.uid) })
            .collect();
        let refused = current.refused.take_if(|(_, retry)| *retry <= now);
        drop(refused);
        let strategy = Strategy { max_unavailable: known.budget, ..strategy.clone() };
        let input = Input {
            now,
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
            held: current.refused.clone().map(|(why, retry)| Hold::Refused { why, retry }),
            facts: Facts::default(),
        };
        let mut plan = rollout::plan(&input, std::mem::take(&mut current.run));
        current.run = std::mem::take(&mut plan.run);
        current.puzzled = plan.report.units.iter().any(|(_, hold)| matches!(hold, Hold::UnknownRevision { .. }));
        Some(plan)
    }
}
