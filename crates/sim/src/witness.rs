//! Invariants of the world, recomputed from what the updater's watches have shown, by other means than the planner's.
//!
//! The witness never asks the planner anything. Where it cannot know what the planner knows (what a full list hides), it
//! allows more, so that whatever it reports is wrong.

mod budgets;
mod waves;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Name, Phase, Uid};
use planner::rollout::{Decided, Progress, Restart, Run};
use planner::strategy::{PoolLabels, Strategy, Timing};

use crate::cluster::SetId;
use crate::mirror::{NodeSeen, PodSeen};
use crate::world::Item;

/// Who watches the watcher.
#[derive(Debug)]
pub(crate) struct Witness {
    timing: Timing,
    nodes: BTreeMap<Name, Node>,
    pods: BTreeMap<(SetId, Name), Vec<Pod>>,
    flights: BTreeMap<(SetId, Uid), Flight>,
    /// Units that a user took as they are when resuming, until they are well.
    accepted: BTreeSet<(SetId, Name)>,
    listed: Timestamp,
    /// How far the newest run of each DaemonSet is, as far as it can be told from outside.
    runs: BTreeMap<SetId, waves::Progress>,
}

/// A plan to be judged, and what it may rely on.
pub(crate) struct Scene<'a> {
    pub(crate) now: Timestamp,
    pub(crate) set: SetId,
    pub(crate) revision: &'a Name,
    pub(crate) number: i64,
    /// No other revision was there before.
    pub(crate) first: bool,
    pub(crate) strategy: &'a Strategy,
    pub(crate) steps: &'a [Restart],
    /// What the run says of itself.
    pub(crate) run: &'a Run,
    pub(crate) is_rollback: bool,
    pub(crate) promoted_through: &'a str,
    /// The decisions at the API server.
    pub(crate) decided: &'a [Decided],
    /// The labels of pools, sorted by pool.
    pub(crate) labels: &'a [PoolLabels],
    /// How far the strategy's dependencies are, in its order.
    pub(crate) dependencies: &'a [Progress],
}

#[derive(Debug)]
struct Node {
    uid: Uid,
    pool: Name,
    cordoned: bool,
    ready: Option<Timestamp>,
}

#[derive(Debug)]
struct Pod {
    seen: PodSeen,
    ready: Option<Timestamp>,
    /// Since when it is not.
    unready: Timestamp,
}

/// A restart, until it is over.
#[derive(Debug)]
struct Flight {
    node: Name,
    pool: Name,
    revision: Name,
    /// Of the run that did it.
    number: i64,
    at: Timestamp,
    /// Its pod was Ready when we took it.
    healthy: bool,
    troubled: bool,
    left: Option<Timestamp>,
    /// Since when its Ready node has no pod at all.
    absent: Option<Timestamp>,
    open: bool,
}

impl Witness {
    pub(crate) const fn new(timing: Timing) -> Self {
        Self {
            timing,
            nodes: BTreeMap::new(),
            pods: BTreeMap::new(),
            flights: BTreeMap::new(),
            accepted: BTreeSet::new(),
            listed: Timestamp::MIN,
            runs: BTreeMap::new(),
        }
    }

    /// A full list: a new process knows nothing else. A restart that was not recorded, of a node that is gone, has left no
    /// trace.
    pub(crate) fn lists(&mut self, nodes: Vec<NodeSeen>, pods: Vec<PodSeen>, now: Timestamp) {
        self.nodes.clear();
        self.pods.clear();
        self.listed = now;
        nodes.into_iter().for_each(|seen| self.see(&Item::Node(seen), now));
        pods.into_iter().for_each(|seen| self.see(&Item::Pod(seen), now));
        let Self { nodes, pods, flights, .. } = self;
        // Nor has a delete that did not happen.
        let is_untouched = |set: SetId, flight: &Flight| {
            let pods = pods.get(&(set, flight.node.clone())).into_iter().flatten();
            pods.into_iter().any(|pod| !pod.seen.deleting && pod.seen.created < flight.at)
        };
        flights.retain(|(set, uid), flight| {
            nodes.get(&flight.node).is_some_and(|node| node.uid == *uid) && !is_untouched(*set, flight)
        });
    }

    /// The updater is killed. Of what it did in its last second nothing may be written: such restarts are known only by
    /// what they left on the nodes, and hold no slot beyond that.
    pub(crate) fn forget_unrecorded(&mut self, set: SetId, recorded: &BTreeSet<Uid>) {
        self.flights.retain(|(of, uid), _| *of != set || recorded.contains(uid));
    }

    /// Takes in what a watch shows.
    pub(crate) fn see(&mut self, item: &Item, now: Timestamp) {
        match item {
            Item::Node(seen) => {
                let before = self.nodes.get(&seen.name).filter(|node| node.uid == seen.uid);
                let ready = seen.ready.then(|| before.and_then(|node| node.ready).unwrap_or(now));
                let node = Node { uid: seen.uid, pool: seen.pool.clone(), cordoned: seen.cordoned, ready };
                self.nodes.insert(seen.name.clone(), node);
            }
            Item::NodeGone(name, uid) => {
                if self.nodes.get(name).is_some_and(|node| node.uid == *uid) {
                    self.nodes.remove(name);
                }
            }
            Item::Pod(seen) => self.see_pod(seen, now),
            Item::PodGone { set, node, uid } => {
                if let Some(pods) = self.pods.get_mut(&(*set, node.clone())) {
                    pods.retain(|pod| pod.seen.uid != *uid);
                }
            }
            Item::Set { .. }
            | Item::Run { .. }
            | Item::Strategy(_)
            | Item::Pools(_)
            | Item::Other(..)
            | Item::Bookmark => {}
        }
    }

    /// A delete did not happen.
    pub(crate) fn retract(&mut self, set: SetId, node: Uid) {
        self.flights.remove(&(set, node));
    }

    /// A user resumes: what is broken now is taken as it is.
    pub(crate) fn resumed(&mut self, set: SetId) {
        let broken: Vec<_> = self.nodes.keys().filter(|name| self.ready_since(set, name).is_none()).cloned().collect();
        self.accepted.extend(broken.into_iter().map(|name| (set, name)));
    }

    /// Judges a plan, also one that starts nothing, and remembers its starts.
    pub(crate) fn judge(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let Scene { set, now, strategy, steps, .. } = *scene;
        self.follow_links(now);
        self.land(now, strategy);
        self.judge_waves(scene)?;
        for step in steps {
            self.judge_place(set, step, now)?;
        }
        if !steps.is_empty() {
            self.judge_turns(scene)?;
            self.judge_budgets(scene)?;
        }
        for step in steps {
            let healthy = self.ready_since(set, &step.node).is_some();
            let flight = Flight {
                node: step.node.clone(),
                pool: step.pool.clone(),
                revision: scene.revision.clone(),
                number: scene.number,
                at: now,
                healthy,
                troubled: false,
                left: None,
                absent: None,
                open: true,
            };
            self.flights.insert((set, step.node_uid), flight);
        }
        Ok(())
    }

    /// Rules 4, 7, 8, 9: Ready for long enough, not cordoned, nobody else at work, and the pod has not the revision yet.
    fn judge_place(&self, set: SetId, step: &Restart, now: Timestamp) -> Result<(), String> {
        let Some(node) = self.nodes.get(&step.node).filter(|node| node.uid == step.node_uid) else {
            return Err(format!("{} is not there, and is restarted", step.node));
        };
        if !self.is_reachable(node, now) {
            return Err(format!("{} is not reachable, and is restarted", step.node));
        }
        if self.flights.iter().any(|((other, uid), flight)| *other != set && *uid == step.node_uid && flight.open) {
            return Err(format!("two DaemonSets restart on {} at once", step.node));
        }
        let pods = self.pods.get(&(set, step.node.clone()));
        let pod = pods.and_then(|pods| pods.iter().find(|pod| pod.seen.uid == step.pod_uid));
        match pod {
            Some(pod) if pod.seen.deleting => Err(format!("{} is terminating, and is restarted", step.node)),
            Some(pod) if pod.ready.is_some() == step.was_down => {
                Err(format!("{} was {} down before its restart", step.node, if step.was_down { "not" } else { "" }))
            }
            Some(_) => Ok(()),
            None => Err(format!("{} has no pod {}", step.node, step.pod)),
        }
    }

    fn is_reachable(&self, node: &Node, now: Timestamp) -> bool {
        let long = |since| now.duration_since(since) >= self.timing.reachable_after;
        !node.cordoned && node.ready.is_some_and(long)
    }

    /// Since when the unit's pod is Ready.
    fn ready_since(&self, set: SetId, name: &Name) -> Option<Timestamp> {
        let pods = self.pods.get(&(set, name.clone()))?;
        let live = |pod: &&Pod| !pod.seen.deleting && matches!(pod.seen.phase, Phase::Pending | Phase::Running);
        pods.iter().filter(live).max_by_key(|pod| (pod.seen.created, pod.seen.uid))?.ready
    }

    fn see_pod(&mut self, seen: &PodSeen, now: Timestamp) {
        let key = (seen.set, seen.node.clone());
        if let Some(node) = self.nodes.get(&seen.node)
            && let Some(flight) = self.flights.get_mut(&(seen.set, node.uid))
        {
            flight.troubled |= seen.trouble;
        }
        if seen.ready {
            self.accepted.remove(&key);
        }
        let pods = self.pods.entry(key).or_default();
        let before = pods.iter().position(|pod| pod.seen.uid == seen.uid).map(|at| pods.swap_remove(at));
        let ready = seen.ready.then(|| before.as_ref().and_then(|pod| pod.ready).unwrap_or(now));
        let unready = before.filter(|pod| pod.ready.is_none()).map_or(now, |pod| pod.unready);
        pods.push(Pod { seen: seen.clone(), ready, unready });
    }

    /// Since when the nodes of flights are away, as plans see it: what comes and goes between two is not seen. A brake that
    /// has passed frees the slot, whatever comes after.
    fn follow_links(&mut self, now: Timestamp) {
        for ((_, uid), flight) in &mut self.flights {
            let node = self.nodes.get(&flight.node).filter(|node| node.uid == *uid);
            let ready = node.is_some_and(|node| node.ready.is_some());
            if flight.left.is_some_and(|left| now.duration_since(left) >= self.timing.brake) {
                flight.open = false;
            }
            flight.left = if ready { None } else { flight.left.or(Some(now)) };
        }
    }

    /// Flights that are over.
    fn land(&mut self, now: Timestamp, strategy: &Strategy) {
        let settle = self.timing.settle(SignedDuration::ZERO, strategy);
        let mut over = Vec::new();
        for (key, flight) in &self.flights {
            let node = self.nodes.get(&flight.node).filter(|node| node.uid == key.1);
            let node_ready = node.and_then(|node| node.ready);
            let created =
                self.pods.get(&(key.0, flight.node.clone())).into_iter().flatten().map(|pod| pod.seen.created);
            let created = created.max();
            // Until the watch shows the delete, the old pod is as well as it was.
            let is_new = created.is_some_and(|created| flight.at <= created);
            let well = is_new
                && self.ready_since(key.0, &flight.node).zip(node_ready).is_some_and(|(pod, node)| {
                    // A list since then hides when it became Ready: the API server's stamp bridges the gap.
                    let bridged = created.filter(|at| *at <= self.listed);
                    bridged.unwrap_or_else(|| pod.max(node)) + settle <= now
                });
            if well {
                over.push(*key);
            }
        }
        for key in over {
            self.flights.remove(&key);
        }
        for ((set, _), flight) in &mut self.flights {
            let age = now.duration_since(flight.at);
            let empty = self.pods.get(&(*set, flight.node.clone())).is_none_or(Vec::is_empty) && flight.left.is_none();
            flight.absent = empty.then(|| flight.absent.unwrap_or(now));
            let missing = flight.absent.is_some_and(|since| now.duration_since(since) >= self.timing.replacement_after);
            let failed = flight.troubled && age >= self.timing.failed_after;
            if failed || missing || age >= strategy.progress_deadline {
                flight.open = false;
            }
        }
    }
}
