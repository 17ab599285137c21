//! The world: objects, machines, watches, the updater's process, and the order of events.

mod commit;
mod controllers;
mod happen;
mod judge;
mod kubelet;
mod life;
mod links;
mod look;
mod publish;
mod runs;

pub(crate) use publish::Item;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use planner::fleet::Name;
use planner::rollout::{Counts, HaltReason, Hold, Point, Restart, RunPhase};
use planner::strategy::{PoolLabels, Strategy, Timing};

use crate::agenda::Agenda;
use crate::cluster::{Cluster, NodeId, PodId, SetId};
use crate::happening::{Happening, Stream};
use crate::pace::{BOOKMARK, Pace};
use crate::rng::Rng;
use crate::transcript::Transcript;
use crate::updater::Updater;
use crate::witness::Witness;

/// What a world begins with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Of every delay and every order.
    pub seed: u64,
    /// The time at which it begins.
    pub start: Timestamp,
    /// Node names and their pools.
    pub nodes: Vec<(Name, Name)>,
    /// DaemonSets, each with its minReadySeconds; all run `r1` on every node.
    pub daemon_sets: Vec<(Name, SignedDuration)>,
    /// The labels of NodePools.
    pub pools: Vec<PoolLabels>,
    /// The rules of every run.
    pub strategy: Strategy,
    /// The rules are a `RolloutStrategy` that the DaemonSets name: a run keeps those that it began with. Otherwise they are
    /// the service's, and the budget is the max-unavailable annotation, which runs follow when it changes.
    pub named: bool,
    /// A human approves whatever a run asks for so long after; `None`: nobody does, unless it happens.
    pub approves: Option<SignedDuration>,
    /// The service's timings.
    pub timing: Timing,
    /// How long things take.
    pub pace: Pace,
    /// From an event to the look that it causes; what comes in between is seen by the same look.
    pub gather: SignedDuration,
    /// Whether to write a transcript.
    pub transcript: bool,
    /// Whether the witness judges every step. Trials, which count and do not judge, are several times as fast without.
    pub witness: bool,
}

impl Setup {
    /// A fleet of these nodes (name and pool) with one DaemonSet `agent`, judged by the witness, without a transcript.
    pub fn of(seed: u64, nodes: Vec<(Name, Name)>, strategy: Strategy) -> Self {
        Self {
            seed,
            start: Timestamp::from_second(START).unwrap_or_default(),
            nodes,
            daemon_sets: vec![("agent".into(), SignedDuration::ZERO)],
            pools: Vec::new(),
            strategy,
            named: false,
            approves: None,
            timing: Timing::default(),
            pace: Pace::varied(),
            gather: SignedDuration::from_millis(5),
            transcript: false,
            witness: true,
        }
    }
}

/// What became of it, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Deletes by the updater that the API server carried out.
    pub restarts: u32,
    /// The most units at once that the updater had taken down and that were not Ready again, on nodes that were not lost.
    pub most_down: u32,
    /// Machines that a release took away.
    pub killed: u32,
    /// Records written to FleetRollout's status.
    pub status_writes: u32,
    /// Plans made.
    pub plans: u32,
    /// Every halt, in order.
    pub halts: Vec<HaltReason>,
    /// From the last change of a template to the first Completed after it.
    pub completed_after: Option<SignedDuration>,
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latest {
    /// Its units by state.
    pub counts: Counts,
    /// So many of its waves have opened.
    pub opened: usize,
    /// What it waits for as a whole.
    pub hold: Option<Hold>,
}

/// A deterministic world. The same setup and happenings give the same events to the millisecond.
#[derive(Debug)]
pub struct World {
    pub(crate) now: Timestamp,
    start: Timestamp,
    agenda: Agenda<Event>,
    rng: Rng,
    pace: Pace,
    /// From an event to the look that it causes.
    pub(crate) gather: SignedDuration,
    /// What the service takes for rules where a DaemonSet names no strategy.
    strategy: Strategy,
    approves: Option<SignedDuration>,
    timing: Timing,
    cluster: Cluster,
    updater: Option<Updater>,
    /// Counts the updater's lives.
    life: u32,
    streams: BTreeMap<Stream, Flow>,
    next_look: Option<Timestamp>,
    refusing_until: Timestamp,
    losing_until: Timestamp,
    template_changed: Option<Timestamp>,
    phases: Vec<Option<RunPhase>>,
    /// Of each DaemonSet's newest run, as the updater last said.
    latest: Vec<Latest>,
    down_by_us: BTreeSet<(SetId, NodeId)>,
    rebooted: BTreeSet<NodeId>,
    /// What it came to so far.
    pub summary: Summary,
    /// What was said so far.
    pub transcript: Transcript,
    /// `None` in trials.
    witness: Option<Box<Witness>>,
    broken: Vec<String>,
}

/// One watch of the updater: in order, late, at times stalled.
#[derive(Debug)]
struct Flow {
    last: Timestamp,
    stalled_until: Timestamp,
}

#[derive(Debug)]
enum Event {
    Happens(Happening),
    Flaps(NodeId),
    /// The node controller misses the lease of a node since this count of its link.
    LeaseMissed(NodeId, u32),
    /// A kubelet reports after its link came back.
    Reports(NodeId, u32),
    /// A kubelet looks at a pod.
    Syncs(PodId),
    Stopped(PodId),
    /// What the n-th start of a pod's containers leads to.
    Started(PodId, u32, Sign),
    /// The DaemonSet controller has seen this generation.
    Observes(SetId, u64),
    /// It looks at a node.
    Replaces(SetId, NodeId),
    /// A deleted node's pods are collected.
    Collects(NodeId),
    /// Something reaches the updater of this life.
    Delivers(u32, Stream, Box<publish::Item>),
    Bookmark(u32, Stream),
    Leads(u32),
    Looks(u32),
    Arrives(SetId, u32, Restart),
    Answered(SetId, u32, Restart, commit::Fate),
    Publishes(SetId, u32, i64),
    /// The updater asks for a human's decision on a wave of a run.
    Asks(SetId, u32, i64, Name, Point),
    /// The updater brings the template back to a revision, if its generation is still that.
    RollsBack(SetId, u32, u64, Name),
}

/// What shows after containers have started.
#[derive(Debug, Clone, Copy)]
enum Sign {
    Ready,
    Trouble,
    Kills,
}

/// Midnight of a Monday, so that times of day in transcripts are times since the start.
const START: i64 = 1_798_416_000;

impl World {
    /// A quiet fleet: all nodes Ready for a day, all pods settled at `r1`, and an updater that has watched them.
    pub fn new(setup: &Setup) -> Self {
        let start = setup.start;
        let mut world = Self {
            now: start,
            start,
            agenda: Agenda::new(),
            rng: Rng::new(setup.seed),
            pace: setup.pace,
            gather: setup.gather,
            strategy: setup.strategy.clone(),
            approves: setup.approves,
            timing: setup.timing.clone(),
            cluster: Cluster::new(setup.strategy.clone()),
            updater: None,
            life: 0,
            streams: BTreeMap::new(),
            next_look: None,
            refusing_until: start,
            losing_until: start,
            template_changed: None,
            phases: vec![None; setup.daemon_sets.len()],
            latest: vec![Latest::default(); setup.daemon_sets.len()],
            down_by_us: BTreeSet::new(),
            rebooted: BTreeSet::new(),
            summary: Summary::default(),
            transcript: Transcript::new(start, setup.transcript, setup.daemon_sets.len() > 1),
            witness: setup.witness.then(|| Box::new(Witness::new(setup.timing.clone()))),
            broken: Vec::new(),
        };
        let day_ago = start - SignedDuration::from_hours(24);
        for (name, pool) in &setup.nodes {
            world.cluster.join(name, pool);
        }
        for (name, min_ready) in &setup.daemon_sets {
            world.found(name, *min_ready, setup.named, day_ago);
        }
        for PoolLabels { pool, labels } in &setup.pools {
            world.cluster.label(pool, labels.clone());
        }
        world.begin(day_ago);
        world
    }

    /// Something happens so long after the start.
    pub fn schedule(&mut self, after: SignedDuration, happening: Happening) {
        self.agenda.add(self.start + after, Event::Happens(happening));
    }

    /// Something happens now.
    pub fn happen(&mut self, happening: Happening) {
        self.agenda.add(self.now, Event::Happens(happening));
    }

    /// Time passes until `done`, looked at after every event, or until so long after the start. Returns the time since the
    /// start if `done` came true. Stops early when an invariant is broken.
    pub fn run_until(&mut self, limit: SignedDuration, mut done: impl FnMut(&World) -> bool) -> Option<SignedDuration> {
        let until = self.start + limit;
        while let Some((at, event)) = self.agenda.next_until(until) {
            self.now = at;
            self.take(event);
            if !self.broken.is_empty() {
                return None;
            }
            if done(self) {
                return Some(self.elapsed());
            }
        }
        self.now = until.max(self.now);
        None
    }

    /// Time since the start.
    pub fn elapsed(&self) -> SignedDuration {
        self.now.duration_since(self.start)
    }

    /// The first invariant that was broken, if any.
    pub fn check(&self) -> Result<(), String> {
        self.broken.first().map_or(Ok(()), |broken| Err(broken.clone()))
    }

    /// Whether any template has changed yet.
    pub const fn has_changed(&self) -> bool {
        self.template_changed.is_some()
    }

    /// The phase of a DaemonSet's newest run, as the updater last said.
    pub fn phase(&self, daemon_set: usize) -> Option<RunPhase> {
        self.phases.get(daemon_set).copied().flatten()
    }

    /// How far a DaemonSet's newest run is, as the updater last said.
    pub fn latest(&self, daemon_set: usize) -> Option<&Latest> {
        self.latest.get(daemon_set)
    }

    /// Every node that is there, with the revision of its pod of this DaemonSet, if it has a live one.
    pub fn revisions(&self, daemon_set: usize) -> Vec<(Name, Option<Name>)> {
        let nodes = self.cluster.nodes.iter().enumerate().filter(|(_, node)| node.exists);
        let live = |id: NodeId| self.cluster.pods_on(daemon_set, id).find(|pod| !pod.deleting);
        nodes.map(|(id, node)| (node.name.clone(), live(id).map(|pod| self.cluster.revision(pod).clone()))).collect()
    }

    /// What it came to, in words.
    pub fn epilogue(&self) -> String {
        let Summary { restarts, most_down, killed, halts, .. } = &self.summary;
        let killed = if *killed > 0 { format!(", {killed} machines killed") } else { String::new() };
        let halts: String = halts.iter().flat_map(|halt| [", halted by ", halt.as_str()]).collect();
        format!("{restarts} restarts, at most {most_down} down at once{killed}{halts}\n")
    }

    /// The DaemonSets, in the setup's order.
    pub fn daemon_set_names(&self) -> Vec<Name> {
        self.cluster.sets.iter().map(|set| set.name.clone()).collect()
    }

    /// The rules that every run begins with.
    pub const fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// Nodes that are there, by name.
    pub fn node_names(&self) -> Vec<Name> {
        self.cluster.nodes.iter().filter(|node| node.exists).map(|node| node.name.clone()).collect()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Happens(happening) => self.take_happening(happening),
            Event::Flaps(node) => self.flap(node),
            Event::LeaseMissed(node, link) => self.miss_lease(node, link),
            Event::Reports(node, link) => self.report(node, link),
            Event::Syncs(pod) => self.sync(pod),
            Event::Stopped(pod) => self.stopped(pod),
            Event::Started(pod, start, sign) => self.started(pod, start, sign),
            Event::Observes(set, generation) => self.observe(set, generation),
            Event::Replaces(set, node) => self.replace(set, node),
            Event::Collects(node) => self.collect(node),
            Event::Delivers(life, stream, item) => self.deliver(life, stream, &item),
            Event::Bookmark(life, stream) => self.bookmark(life, stream),
            Event::Leads(life) => self.lead(life),
            Event::Looks(life) => self.look(life),
            Event::Arrives(set, life, step) => self.arrive(set, life, step),
            Event::Answered(set, life, step, fate) => self.answered(set, life, step, fate),
            Event::Publishes(set, life, number) => self.write_status(set, life, number),
            Event::Asks(set, life, number, wave, point) => self.ask(set, life, number, wave, point),
            Event::RollsBack(set, life, generation, to) => self.roll_back(set, life, generation, to),
        }
    }

    fn after(&mut self, delay: SignedDuration, event: Event) {
        self.agenda.add(self.now + delay, event);
    }

    fn bookmark(&mut self, life: u32, stream: Stream) {
        if life == self.life && self.updater.is_some() {
            self.publish(stream, publish::Item::Bookmark);
            self.after(BOOKMARK, Event::Bookmark(life, stream));
        }
    }

    fn breaks(&mut self, rule: String) {
        let line = format!("BROKEN: {rule}");
        self.transcript.say(self.now, "broken", &line);
        self.broken.push(rule);
    }
}

#[cfg(test)]
mod tests;
