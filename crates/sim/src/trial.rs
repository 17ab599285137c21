//! A trial: one release on one fleet under one strategy, and what it came to in numbers.
//!
//! A trial counts and does not judge: there is no witness and no transcript, and the updater looks at most once a second,
//! which lengthens a run by about a second per round of restarts. Humans who are asked approve at once, and what the strategy
//! depends on is up to date.

mod fleet;

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::rollout::{Counts, HaltReason, Hold, Met, RunPhase};
use planner::strategy::{Strategy, Timing};

pub use fleet::{Fleet, Pool};

use crate::happening::Happening;
use crate::pace::Pace;
use crate::release::Release;
use crate::rng::Rng;
use crate::world::{Setup, World};

/// What is tried. The same trial has the same outcome.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The rules of the run.
    pub strategy: Strategy,
    /// The service's timings.
    pub timing: Timing,
    /// How long things take.
    pub pace: Pace,
    /// The nodes.
    pub fleet: Fleet,
    /// What the new revision does.
    pub release: Release,
    /// So many per cent of the nodes are offline, from before the release to the end.
    pub offline: u32,
    /// So many per cent of the nodes lose their link for about a minute, every five minutes or so, from 20 minutes before
    /// the release to the end.
    pub flapping: u32,
    /// An outage in the middle of the run.
    pub outage: Option<Outage>,
    /// The run is given up so long after the release.
    pub patience: SignedDuration,
    /// Between two entries of the timeline; zero: there is none.
    pub sample_every: SignedDuration,
    /// Of all chance.
    pub seed: u64,
}

/// Nodes that go offline together and come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// So many, from the fleet's first on: whole pools one after the other.
    pub nodes: u32,
    /// So long after the release.
    pub after: SignedDuration,
    /// For so long.
    pub lasts: SignedDuration,
}

/// What it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Machines that the release took away, those included that die after the run has halted.
    pub lost: u32,
    /// The most units down at once, for whatever reason (see rollouts.md, "Down").
    pub peak_down: u32,
    /// The most units at once that the updater had taken down and that were not Ready again, on nodes that were not lost.
    pub peak_started_down: u32,
    /// Why the run halted first, if it did, also after it had completed.
    pub halted: Option<HaltReason>,
    /// All reachable nodes got the release.
    pub completed: bool,
    /// From the release to the end of the run: completed or halted, or given up on.
    pub duration: SignedDuration,
    /// What it waited for when it was given up.
    pub waits_for: Option<Hold>,
    /// One entry for each [`Trial::sample_every`] of the run, the first at its start, and one for its end.
    pub timeline: Vec<Sample>,
}

/// A run at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Since the release.
    pub at: SignedDuration,
    /// Units by state, as the updater last said.
    pub counts: Counts,
    /// So many waves have opened.
    pub opened: usize,
    /// Machines that the release has taken away so far.
    pub lost: u32,
}

/// Nodes that flap do so from so long before the release: the node-loss test knows them by then.
const KNOWN_FOR: SignedDuration = SignedDuration::from_mins(20);

/// Without flapping the fleet needs no more than to be seen as it is.
const SEEN_FOR: SignedDuration = SignedDuration::from_mins(2);

/// About so often the link of a flapping node goes down.
const FLAP_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// After a run has ended the units of its last round may still take their nodes away, or the run may still halt.
const AFTERMATH: SignedDuration = SignedDuration::from_mins(12);

/// The updater looks so long after an event.
const GATHER: SignedDuration = SignedDuration::from_secs(1);

/// The same before the release, when there is nothing to do.
const GATHER_BEFORE: SignedDuration = SignedDuration::from_secs(10);

impl Trial {
    /// A good release, on nodes that stay.
    pub fn of(strategy: Strategy, fleet: Fleet, seed: u64) -> Self {
        Self {
            strategy,
            timing: Timing::default(),
            pace: Pace::varied(),
            fleet,
            release: Release::GOOD,
            offline: 0,
            flapping: 0,
            outage: None,
            patience: SignedDuration::from_hours(24),
            sample_every: SignedDuration::ZERO,
            seed,
        }
    }
}

/// Runs a trial.
pub fn run(trial: &Trial) -> Outcome {
    let mut world = World::new(&Setup {
        timing: trial.timing.clone(),
        pace: trial.pace,
        pools: trial.fleet.labels(),
        named: true,
        approves: Some(SignedDuration::ZERO),
        gather: GATHER_BEFORE,
        witness: false,
        ..Setup::of(trial.seed, trial.fleet.nodes(), trial.strategy.clone())
    });
    let release_at = prepare(trial, &mut world);
    world.run_until(release_at - GATHER_BEFORE, |_| false);
    world.gather = GATHER;
    let mut outcome = Outcome::default();
    let limit = release_at + trial.patience;
    let is_over =
        |world: &World| world.has_changed() && matches!(world.phase(0), Some(RunPhase::Completed | RunPhase::Halted));
    let mut next_sample = release_at;
    let end = world.run_until(limit, |world| {
        note(trial, world, release_at, &mut next_sample, &mut outcome);
        is_over(world)
    });
    outcome.waits_for = world.latest(0).filter(|_| end.is_none()).and_then(|latest| latest.hold.clone());
    outcome.completed = world.phase(0) == Some(RunPhase::Completed);
    outcome.duration = end.unwrap_or(limit) - release_at;
    if trial.sample_every > SignedDuration::ZERO {
        outcome.timeline.push(Sample::of(&world, outcome.duration));
    }
    if end.is_some() {
        let mut never = limit + AFTERMATH + AFTERMATH;
        world.run_until(world.elapsed() + AFTERMATH, |world| {
            note(trial, world, release_at, &mut never, &mut outcome);
            false
        });
    }
    outcome.lost = world.summary.killed;
    outcome.peak_started_down = world.summary.most_down;
    outcome.halted = world.summary.halts.first().copied();
    outcome
}

impl Sample {
    fn of(world: &World, at: SignedDuration) -> Self {
        let (counts, opened) = world.latest(0).map(|latest| (latest.counts, latest.opened)).unwrap_or_default();
        Self { at, counts, opened, lost: world.summary.killed }
    }
}

/// Fills the world's agenda. Returns when the release comes.
fn prepare(trial: &Trial, world: &mut World) -> SignedDuration {
    let release_at = if trial.flapping > 0 { KNOWN_FOR } else { SEEN_FOR };
    let mut nodes = world.node_names();
    if let Some(Outage { nodes: count, after, lasts }) = trial.outage {
        let dark: Vec<Name> = nodes.iter().take(count as usize).cloned().collect();
        world.schedule(release_at + after, Happening::Offline(dark.clone()));
        world.schedule(release_at + after + lasts, Happening::Online(dark));
    }
    let mut rng = Rng::new(trial.seed ^ 0x7219);
    for at in (1..nodes.len()).rev() {
        nodes.swap(at, rng.index(at + 1));
    }
    let share = |percent: u32| (nodes.len() * percent as usize).div_ceil(100).min(nodes.len());
    let (offline, others) = nodes.split_at(share(trial.offline));
    let flapping = &others[..share(trial.flapping).min(others.len())];
    world.schedule(SignedDuration::ZERO, Happening::Offline(offline.to_vec()));
    world.schedule(SignedDuration::ZERO, Happening::Flap(flapping.to_vec(), FLAP_EVERY));
    for dependency in &trial.strategy.depends_on {
        let (name, pools, met) = (dependency.name.clone(), Vec::new(), Met::Yes);
        world.schedule(SignedDuration::ZERO, Happening::Dependency { name, pools, met });
    }
    let (revision, release) = ("r2".into(), trial.release.clone());
    world.schedule(release_at, Happening::Template { daemon_set: "agent".into(), revision, release });
    release_at
}

fn note(trial: &Trial, world: &World, release_at: SignedDuration, next: &mut SignedDuration, outcome: &mut Outcome) {
    // Until the new run has been looked at, the latest is the one before.
    if world.has_changed() && world.phase(0).is_some() {
        outcome.peak_down = outcome.peak_down.max(world.latest(0).map_or(0, |latest| latest.counts.down));
        if trial.sample_every > SignedDuration::ZERO && world.elapsed() >= *next {
            outcome.timeline.push(Sample::of(world, world.elapsed() - release_at));
            *next = world.elapsed() + trial.sample_every;
        }
    }
}

#[cfg(test)]
mod tests;
