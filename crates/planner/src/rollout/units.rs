//! First pass: the state of each unit now. Activations begin, settle or get a verdict here, and nowhere else.

mod verdict;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::run::{Activation, Outcome, Run, Track};
use super::{Input, Revisit, Unit, UnitKind};
use crate::fleet::{Name, Phase, Pod, Uid};

/// A unit's place in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage<'a> {
    /// Its pod has the newest revision.
    AtTarget,
    /// Its pod has another one.
    Old(&'a Pod),
    /// Only terminating pods are left.
    Terminating,
    /// No pod that counts.
    Empty,
}

/// What the snapshot and the run's memory say of one eligible unit.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each by its name")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Assessed<'a> {
    pub(super) unit: &'a Unit<'a>,
    /// Index into [`Fleet::pools`].
    pub(super) pool: usize,
    pub(super) stage: Stage<'a>,
    /// A restart now would find it down: if it is down afterwards too, that is not the revision's fault.
    pub(super) was_down: bool,
    pub(super) reachable: bool,
    /// See rollouts.md, "Down".
    pub(super) down: bool,
    pub(super) outcome: Option<Outcome>,
    /// A restart of it is under way.
    pub(super) under_way: bool,
    /// That restart was for a revision that is superseded.
    pub(super) inherited: bool,
}

impl Assessed<'_> {
    /// It could have the revision, were its last start not refused.
    pub(super) fn is_refused(&self) -> bool {
        self.unit.refused.is_some() && self.reachable && self.stage != Stage::AtTarget
    }
}

/// Sums over a set of units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) eligible: u32,
    pub(super) reachable: u32,
    pub(super) down: u32,
    pub(super) updated: u32,
    pub(super) settled: u32,
    pub(super) offline: u32,
    pub(super) failed: u32,
    pub(super) pre_existing: u32,
    /// Activations of this revision without outcome.
    pub(super) unsettled: u32,
    /// Of them, those that were down before.
    pub(super) unsettled_were_down: u32,
    /// Units that are down with the verdict Failed.
    pub(super) failed_down: u32,
    /// Reachable units that are not done.
    pub(super) undone: u32,
    /// Units with a restart under way, for whatever revision, also those whose node is gone.
    pub(super) under_way: u32,
    /// Units that are down without a restart of ours.
    pub(super) idle_down: u32,
}

impl Sums {
    /// Adds the sums over other units.
    pub(super) const fn add(&mut self, other: &Self) {
        self.eligible += other.eligible;
        self.reachable += other.reachable;
        self.down += other.down;
        self.updated += other.updated;
        self.settled += other.settled;
        self.offline += other.offline;
        self.failed += other.failed;
        self.pre_existing += other.pre_existing;
        self.unsettled += other.unsettled;
        self.unsettled_were_down += other.unsettled_were_down;
        self.failed_down += other.failed_down;
        self.undone += other.undone;
        self.under_way += other.under_way;
        self.idle_down += other.idle_down;
    }
}

/// All units of the target, assessed.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    /// The eligible ones, in the input's order.
    pub(super) units: Vec<Assessed<'a>>,
    /// Sums by pool, in the order in which pools first occur.
    pub(super) pools: Vec<(Name, Sums)>,
    /// Sums over all.
    pub(super) all: Sums,
    /// Indices into `pools`, by name.
    places: HashMap<Name, usize>,
}

impl Outcome {
    /// Whether a unit with this outcome needs nothing more from the run.
    const fn is_done(self) -> bool {
        !matches!(self, Self::Open | Self::Lost)
    }
}

/// Assesses every unit, and advances the run's memory of each.
pub(super) fn assess<'a>(input: &Input<'a>, run: &mut Run, revisit: &mut Revisit) -> Fleet<'a> {
    let mut fleet = Fleet {
        units: Vec::with_capacity(input.units.len()),
        pools: Vec::new(),
        all: Sums::default(),
        places: HashMap::new(),
    };
    let mut eyes = Eyes { input, revisit, recorded_at: run.recorded_at, fresh: run.fresh };
    let mut seen = 0;
    for unit in input.units.iter().filter(|unit| unit.eligible) {
        let live = newest_live(unit.pods);
        let uid = unit.node.uid;
        let was = match run.tracks.entry(uid) {
            Entry::Occupied(mut known) => {
                let was = known.get().outcome;
                if !eyes.advance(unit, live, known.get_mut()) {
                    known.remove();
                }
                Some(was)
            }
            Entry::Vacant(unknown) => {
                if let Some(track) = live.and_then(|pod| eyes.take_over(unit, pod)) {
                    run.uncontrolled += u32::from(!track.activation.controlled);
                    unknown.insert(track);
                }
                None
            }
        };
        let track = run.tracks.get(&uid);
        match track.map(|track| track.outcome) {
            Some(Outcome::Failed) if was != Some(Outcome::Failed) => run.failed += 1,
            Some(Outcome::ReplacementMissing) if was != Some(Outcome::ReplacementMissing) => run.missing += 1,
            _ => {}
        }
        seen += usize::from(track.is_some());
        let pool = fleet.pool(&unit.node.pool);
        let assessed = eyes.describe(unit, pool, live, track);
        fleet.count(&assessed, track);
        fleet.units.push(assessed);
    }
    if run.tracks.len() > seen {
        follow_missing(&mut eyes, run, &mut fleet);
    }
    run.fresh = false;
    fleet
}

/// Units whose node left the cluster: those under way keep their slot until the brake ends, the others are forgotten. A pool that is gone,
/// or is not chosen any more, has no workload that could be under way.
fn follow_missing(eyes: &mut Eyes<'_, '_>, run: &mut Run, fleet: &mut Fleet<'_>) {
    let present: HashSet<Uid> = fleet.units.iter().map(|a| a.unit.node.uid).collect();
    let just_lost: HashSet<Uid> = eyes.input.losses.iter().map(|seen| seen.loss.node.uid).collect();
    let pools = eyes.are_pools().then(|| eyes.input.units.iter().map(|unit| unit.node.uid).collect::<HashSet<_>>());
    run.tracks.retain(|uid, track| {
        let may_be_away = pools.as_ref().is_none_or(|pools| pools.contains(uid));
        // Its loss is still to be weighed: whether it was exposed stands in the track.
        present.contains(uid) || (may_be_away && eyes.keeps_slot_while_away(track)) || just_lost.contains(uid)
    });
    for (_, track) in run.tracks.iter().filter(|(uid, track)| !present.contains(uid) && track.is_under_way()) {
        let at = fleet.pool(&track.pool);
        for sums in [&mut fleet.pools[at].1, &mut fleet.all] {
            sums.down += 1;
            sums.under_way += 1;
            sums.unsettled += u32::from(!track.activation.inherited);
            sums.unsettled_were_down += u32::from(!track.activation.inherited && track.activation.was_down);
        }
    }
}

/// What the assessment of a single unit needs.
struct Eyes<'i, 'a> {
    input: &'i Input<'a>,
    revisit: &'i mut Revisit,
    recorded_at: Option<Timestamp>,
    fresh: bool,
}

impl Eyes<'_, '_> {
    /// The first sight of a unit at the revision that the run does not know. After a restart, or when the run is new, the
    /// API server's creation stamp bridges the gap: what is Ready and old enough had settled.
    fn take_over(&mut self, unit: &Unit<'_>, pod: &Pod) -> Option<Track> {
        let Input { now, target, .. } = self.input;
        if !self.is_target(pod) {
            return None;
        }
        let complete = self.recorded_at.is_some_and(|recorded| pod.created <= recorded);
        let had_settled = self.fresh && pod.ready.is_some() && (complete || pod.created + self.settle() <= *now);
        let adopted = target.first || (self.fresh && self.recorded_at.is_none());
        let activation = Activation {
            at: *now,
            was_down: adopted && pod.ready.is_none(),
            controlled: self.fresh || target.first,
            inherited: false,
            adopted,
            arrived: true,
            first_ready: had_settled.then_some(pod.created),
            absent: None,
            left: None,
            counted: false,
        };
        let outcome = if had_settled { Outcome::Settled } else { Outcome::Open };
        let mut track = Track { node: unit.node.name.clone(), pool: unit.node.pool.clone(), activation, outcome };
        self.follow(unit, Some(pod), &mut track);
        Some(track)
    }

    /// Brings a unit's track up to this snapshot; `false` when there is nothing left to remember.
    fn advance(&mut self, unit: &Unit<'_>, live: Option<&Pod>, track: &mut Track) -> bool {
        let at_target = live.is_some_and(|pod| self.is_target(pod));
        if at_target && track.activation.inherited {
            track.activation.inherited = false;
            track.activation.counted = false;
        }
        if live.is_some() && !at_target && (track.activation.adopted || self.fresh && !track.activation.inherited) {
            // An old pod that nobody deletes: the activation did not happen, or was undone.
            return false;
        }
        if live.is_some() && !at_target && !track.activation.inherited {
            // A pod made since the restart has the newest template, and that is not this run's: the run is superseded and
            // does not know it yet. The unit keeps its slot for the run that takes over. A workload was given back instead.
            return !self.are_pools();
        }
        self.follow(unit, live, track);
        // A unit under way to a superseded revision holds its slot until it is well or given up; it has no verdict.
        !track.activation.inherited || track.outcome == Outcome::Open
    }

    fn follow(&mut self, unit: &Unit<'_>, pod: Option<&Pod>, track: &mut Track) {
        let now = self.input.now;
        let activation = &mut track.activation;
        activation.left = unit.node.link.ready_since().is_none().then(|| activation.left.unwrap_or(now));
        let absent = unit.pods.is_empty() && activation.left.is_none();
        activation.absent = absent.then(|| activation.absent.unwrap_or(now));
        activation.arrived |= pod.is_some_and(|pod| pod.revision == self.input.target.revision);
        if let Some(ready) = pod.and_then(|pod| pod.ready) {
            activation.first_ready.get_or_insert(ready.since);
        }
        track.outcome = match track.outcome {
            Outcome::Settled => self.verdict_on_settled(pod, track),
            // Any other verdict stands until the unit settles after all.
            _ if self.has_settled(unit, pod) => Outcome::Settled,
            Outcome::Open => self.verdict(unit, pod, &track.activation),
            Outcome::Lost => self.verdict_on_lost(unit, pod, &track.activation),
            verdict => verdict,
        };
    }

    /// Ready for long enough on a node that is. Of a workload that is being rolled out the old pods are.
    fn has_settled(&mut self, unit: &Unit<'_>, pod: Option<&Pod>) -> bool {
        let pod = pod.filter(|pod| !self.are_pools() || pod.phase == Phase::Running);
        let since = pod.and_then(|pod| pod.ready).zip(unit.node.link.ready_since());
        let known = !self.input.is_stale();
        known && since.is_some_and(|(pod, node)| self.revisit.due(pod.since.max(node) + self.settle()))
    }

    fn keeps_slot_while_away(&mut self, track: &mut Track) -> bool {
        let left = *track.activation.left.get_or_insert(self.input.now);
        track.is_under_way() && !self.revisit.due(left + self.input.timing.brake)
    }

    fn describe<'b>(
        &mut self,
        unit: &'b Unit<'b>,
        pool: usize,
        live: Option<&'b Pod>,
        track: Option<&Track>,
    ) -> Assessed<'b> {
        let stage = match live {
            Some(pod) if self.is_target(pod) => Stage::AtTarget,
            Some(pod) => Stage::Old(pod),
            None if unit.pods.iter().any(|pod| pod.deleting) => Stage::Terminating,
            None => Stage::Empty,
        };
        let outcome = track.map(|track| track.outcome);
        let reachable = !unit.node.cordoned
            && unit
                .node
                .link
                .ready_since()
                .is_some_and(|since| self.revisit.due(since + self.input.timing.reachable_after));
        let available = live.is_some_and(|pod| self.is_available(pod));
        let under_way = track.is_some_and(Track::is_under_way);
        // What a superseded revision does to a pool at the moment is no state that it was in before.
        let before = track.filter(|track| self.are_pools() && track.activation.inherited && under_way);
        let is_down = || live.is_none_or(|pod| pod.ready.is_none());
        let given_up = outcome == Some(Outcome::PreExisting) || (self.are_pools() && outcome == Some(Outcome::Failed));
        Assessed {
            unit,
            pool,
            stage,
            was_down: before.map_or_else(is_down, |track| track.activation.was_down),
            reachable,
            down: under_way || (reachable && !available && !given_up),
            outcome,
            under_way,
            inherited: track.is_some_and(|track| track.activation.inherited),
        }
    }

    fn is_available(&mut self, pod: &Pod) -> bool {
        let min_ready = self.input.target.min_ready;
        pod.ready.is_some_and(|ready| ready.at_first_sight || self.revisit.due(ready.since + min_ready))
    }

    fn are_pools(&self) -> bool {
        self.input.unit_kind == UnitKind::Pool
    }

    fn is_target(&self, pod: &Pod) -> bool {
        pod.revision == self.input.target.revision
    }

    fn settle(&self) -> SignedDuration {
        self.input.timing.settle(self.input.target.min_ready, self.input.strategy)
    }
}

impl Fleet<'_> {
    /// The index of a pool.
    fn pool(&mut self, name: &Name) -> usize {
        // Nodes of a pool are often named alike, so the last pool of the list is likely.
        if let Some((last, _)) = self.pools.last()
            && last == name
        {
            return self.pools.len() - 1;
        }
        *self.places.entry(name.clone()).or_insert_with(|| {
            self.pools.push((name.clone(), Sums::default()));
            self.pools.len() - 1
        })
    }

    fn count(&mut self, unit: &Assessed<'_>, track: Option<&Track>) {
        let done = unit.outcome.is_some_and(Outcome::is_done);
        let unsettled = unit.under_way && !unit.inherited;
        let was_down = track.is_some_and(|track| track.activation.was_down);
        for sums in [&mut self.pools[unit.pool].1, &mut self.all] {
            sums.eligible += 1;
            sums.reachable += u32::from(unit.reachable);
            sums.down += u32::from(unit.down);
            sums.updated += u32::from(unit.stage == Stage::AtTarget);
            sums.settled += u32::from(unit.outcome == Some(Outcome::Settled));
            sums.offline += u32::from(unit.unit.node.link.ready_since().is_none());
            sums.failed += u32::from(unit.outcome == Some(Outcome::Failed));
            sums.pre_existing += u32::from(unit.outcome == Some(Outcome::PreExisting));
            sums.unsettled += u32::from(unsettled);
            sums.unsettled_were_down += u32::from(unsettled && was_down);
            sums.failed_down += u32::from(unit.down && unit.outcome == Some(Outcome::Failed));
            sums.undone += u32::from(unit.reachable && !done);
            sums.under_way += u32::from(unit.under_way);
            sums.idle_down += u32::from(unit.down && !unit.under_way);
        }
    }
}

/// The pod that the DaemonSet controller would keep: the newest live one.
fn newest_live(pods: &[Pod]) -> Option<&Pod> {
    pods.iter().filter(|pod| pod.is_live()).max_by_key(|pod| (pod.created, pod.uid))
}
