//! Invariants of the world, recomputed from what the updater's watches have shown, by other means than the planner's.
//!
//! The witness never asks the planner anything. Where it cannot know what the planner knows (what a full list hides), it
//! allows more, so that whatever it reports is wrong.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Name, Phase, Uid};
use planner::rollout::Restart;
use planner::strategy::{Amount, Strategy, Timing};

use crate::cluster::SetId;
use crate::mirror::PodSeen;
use crate::world::Item;

/// Who watches the watcher.
#[derive(Debug)]
pub(crate) struct Witness {
    timing: Timing,
    strategy: Strategy,
    nodes: BTreeMap<Name, Node>,
    pods: BTreeMap<(SetId, Name), Vec<Pod>>,
    flights: BTreeMap<(SetId, Uid), Flight>,
    /// Units that a user took as they are when resuming, until they are well.
    accepted: BTreeSet<(SetId, Name)>,
    listed: Timestamp,
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
    pub(crate) const fn new(timing: Timing, strategy: Strategy) -> Self {
        Self {
            timing,
            strategy,
            nodes: BTreeMap::new(),
            pods: BTreeMap::new(),
            flights: BTreeMap::new(),
            accepted: BTreeSet::new(),
            listed: Timestamp::MIN,
        }
    }

    /// A full list follows: a new process knows nothing else.
    pub(crate) fn list_begins(&mut self, now: Timestamp) {
        self.nodes.clear();
        self.pods.clear();
        self.listed = now;
    }

    /// The updater is killed. Of what it did in its last second nothing may be written: such restarts are known only by
    /// what they left on the nodes, and hold no slot beyond that.
    pub(crate) fn forget_unrecorded(&mut self, set: SetId, recorded: &BTreeSet<Uid>) {
        self.flights.retain(|(of, uid), _| *of != set || recorded.contains(uid));
    }

    /// It is complete. A restart that was not recorded, of a node that is gone, has left no trace.
    pub(crate) fn list_ends(&mut self) {
        let nodes = &self.nodes;
        self.flights.retain(|(_, uid), flight| nodes.get(&flight.node).is_some_and(|node| node.uid == *uid));
    }

    /// Takes in what a watch shows.
    pub(crate) fn see(&mut self, item: &Item, now: Timestamp) {
        match item {
            Item::Node(seen) => {
                let before = self.nodes.get(&seen.name).filter(|node| node.uid == seen.uid);
                let ready = seen.ready.then(|| before.and_then(|node| node.ready).unwrap_or(now));
                let node = Node { uid: seen.uid, pool: seen.pool.clone(), cordoned: seen.cordoned, ready };
                self.nodes.insert(seen.name.clone(), node);
                self.follow_links(now);
            }
            Item::NodeGone(name, uid) => {
                if self.nodes.get(name).is_some_and(|node| node.uid == *uid) {
                    self.nodes.remove(name);
                }
                self.follow_links(now);
            }
            Item::Pod(seen) => self.see_pod(seen, now),
            Item::PodGone { set, node, uid } => {
                if let Some(pods) = self.pods.get_mut(&(*set, node.clone())) {
                    pods.retain(|pod| pod.seen.uid != *uid);
                }
            }
            Item::Set { .. } | Item::Control { .. } | Item::Bookmark => {}
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

    /// Judges the starts of a plan, the empty ones too, and remembers them.
    pub(crate) fn starts(
        &mut self,
        set: SetId,
        revision: &Name,
        steps: &[Restart],
        budget: Amount,
        now: Timestamp,
    ) -> Result<(), String> {
        self.follow_links(now);
        self.land(now);
        if steps.is_empty() {
            return Ok(());
        }
        for step in steps {
            self.judge_place(set, step, now)?;
        }
        self.judge_budget(set, revision, steps, None, budget, now)?;
        if let Some(per_pool) = self.strategy.max_unavailable_per_pool {
            let pools: BTreeSet<_> = steps.iter().map(|step| step.pool.clone()).collect();
            for pool in pools {
                self.judge_budget(set, revision, steps, Some(&pool), per_pool, now)?;
            }
        }
        for step in steps {
            let healthy = self.ready_since(set, &step.node).is_some();
            let flight = Flight {
                node: step.node.clone(),
                pool: step.pool.clone(),
                revision: revision.clone(),
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

    /// Rule 1, for one scope.
    fn judge_budget(
        &self,
        set: SetId,
        revision: &Name,
        steps: &[Restart],
        pool: Option<&Name>,
        amount: Amount,
        now: Timestamp,
    ) -> Result<(), String> {
        let called = pool.map_or_else(|| "run".to_owned(), |pool| format!("pool {pool}"));
        let inside = |node: &Node| pool.is_none_or(|pool| node.pool == *pool);
        let counts = |(_, node): &(&Name, &Node)| inside(node) && self.is_reachable(node, now);
        let reachable: Vec<&Name> = self.nodes.iter().filter(counts).map(|(name, _)| name).collect();
        let allowed = amount.allowed(u32::try_from(reachable.len()).unwrap_or(u32::MAX)) as usize;
        let is_new = |name: &Name| steps.iter().any(|step| step.node == *name && !step.was_down);
        let flying = self
            .flights
            .iter()
            .filter(|((of, _), flight)| *of == set && flight.open && pool.is_none_or(|pool| flight.pool == *pool));
        let mut down: BTreeSet<&Name> = flying.clone().map(|(_, flight)| &flight.node).collect();
        let broken = reachable.iter().filter(|name| self.counts_as_down(set, name, now));
        down.extend(broken.copied());
        let healthy: Vec<_> = reachable.iter().filter(|name| is_new(name)).copied().collect();
        if !healthy.is_empty() {
            down.extend(healthy);
            if down.len() > allowed {
                let names: Vec<_> = down.into_iter().cloned().collect();
                let names = crate::transcript::list(&names);
                return Err(format!("{names} are down in the {called} with the starts, {allowed} may be"));
            }
        }
        let were_down = flying.filter(|(_, flight)| !flight.healthy && flight.revision == *revision).count();
        let more = steps.iter().filter(|step| step.was_down && pool.is_none_or(|pool| step.pool == *pool)).count();
        if more > 0 && were_down + more > allowed {
            return Err(format!(
                "{} units that were down are under way in the {called}, {allowed} may be",
                were_down + more
            ));
        }
        Ok(())
    }

    /// Down, and not so long that the planner may have given it up as broken before us.
    fn counts_as_down(&self, set: SetId, name: &Name, now: Timestamp) -> bool {
        if self.ready_since(set, name).is_some() || self.accepted.contains(&(set, name.clone())) {
            return false;
        }
        let ours = self.nodes.get(name).and_then(|node| self.flights.get(&(set, node.uid)));
        if let Some(flight) = ours {
            return flight.healthy;
        }
        let pods = self.pods.get(&(set, name.clone()));
        let since = pods.into_iter().flatten().map(|pod| pod.unready).max();
        since.is_none_or(|since| now.duration_since(since) < self.timing.failed_after)
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

    /// Since when the nodes of flights are away; a brake that has passed frees the slot, whatever comes after.
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
    fn land(&mut self, now: Timestamp) {
        let settle = self.timing.settle(SignedDuration::ZERO, &self.strategy);
        let mut over = Vec::new();
        for (key, flight) in &self.flights {
            let node = self.nodes.get(&flight.node).filter(|node| node.uid == key.1);
            let node_ready = node.and_then(|node| node.ready);
            let created =
                self.pods.get(&(key.0, flight.node.clone())).into_iter().flatten().map(|pod| pod.seen.created);
            let created = created.max();
            let well = self.ready_since(key.0, &flight.node).zip(node_ready).is_some_and(|(pod, node)| {
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
            if failed || missing || age >= self.strategy.progress_deadline {
                flight.open = false;
            }
        }
    }
}
