//! Carries out what happens.

use std::mem;

use jiff::SignedDuration;
use planner::fleet::{Name, Phase};
use planner::rollout::Control;

use super::publish::Item;
use super::{Event, World};
use crate::cluster::{Machine, NodeId, PodId};
use crate::happening::{Happening, Stream};

impl World {
    pub(super) fn take_happening(&mut self, happening: Happening) {
        self.transcript.happens(self.now, &happening);
        match happening {
            Happening::Template { daemon_set, revision, release } => {
                if let Some(set) = self.cluster.set(&daemon_set) {
                    self.change_template(set, revision, release);
                }
            }
            Happening::Offline(nodes) => self.each(&nodes, |world, id| {
                if world.cluster.nodes[id].connected {
                    world.disconnect(id);
                }
            }),
            Happening::Online(nodes) => self.each(&nodes, Self::connect),
            Happening::Flap(nodes, every) => self.each(&nodes, |world, id| {
                world.cluster.nodes[id].flap = Some(every);
                let wait = world.rng.between(SignedDuration::ZERO, every);
                world.after(wait, Event::Flaps(id));
            }),
            Happening::Calm => {
                for id in 0..self.cluster.nodes.len() {
                    if self.cluster.nodes[id].flap.take().is_some() {
                        self.connect(id);
                    }
                }
            }
            Happening::Reboot(nodes) => self.each(&nodes, Self::reboot),
            Happening::Cordon(nodes) => self.edit(&nodes, |node| node.cordoned = true),
            Happening::Uncordon(nodes) => self.edit(&nodes, |node| node.cordoned = false),
            Happening::MarkForRemoval(nodes) => self.edit(&nodes, |node| node.leaving = true),
            Happening::Remove(nodes) => self.each(&nodes, Self::remove),
            Happening::Join(nodes, pool) => self.join(&nodes, &pool),
            Happening::Evict(nodes) => self.each_pod(&nodes, Self::delete_pod),
            Happening::Fail(nodes) => self.each_pod(&nodes, Self::fail),
            Happening::Spoil(nodes) => self.each(&nodes, |world, id| world.spoil(id, true)),
            Happening::Mend(nodes) => self.each(&nodes, |world, id| world.spoil(id, false)),
            Happening::Hang(nodes) => self.each(&nodes, |world, id| world.cluster.nodes[id].hangs = true),
            Happening::Unhang(nodes) => {
                self.each(&nodes, |world, id| world.cluster.nodes[id].hangs = false);
                self.each_pod(&nodes, Self::nudge);
            }
            Happening::Quota { full } => self.cluster.quota_full = full,
            Happening::KillUpdater(pause) => self.kill_updater(pause),
            Happening::Stall(stream, pause) => {
                let until = self.now + pause;
                if let Some(flow) = self.streams.get_mut(&stream) {
                    flow.stalled_until = flow.stalled_until.max(until);
                }
            }
            Happening::RefuseDeletes(pause) => self.refusing_until = self.now + pause,
            Happening::LoseAnswers(pause) => self.losing_until = self.now + pause,
            Happening::Desire(daemon_set, state) => self.control(&daemon_set, |control| control.desired = state),
            Happening::Resume(daemon_set, token) => {
                self.control(&daemon_set, |control| control.resume_token = token);
            }
            Happening::Budget(daemon_set, amount) => {
                if let Some(set) = self.cluster.set(&daemon_set) {
                    self.cluster.sets[set].budget = amount;
                    self.publish_set(set);
                }
            }
            Happening::Annotate(daemon_set, named) => {
                if let Some(set) = self.cluster.set(&daemon_set) {
                    self.cluster.sets[set].named = named;
                    self.publish_set(set);
                }
            }
            Happening::Strategy(strategy) => {
                self.cluster.strategy.clone_from(&strategy);
                self.publish(Stream::Objects, Item::Strategy(strategy));
            }
            Happening::Promote(daemon_set, wave) => {
                self.control(&daemon_set, |control| control.promoted_through = wave.to_string());
            }
            Happening::Decide { daemon_set, wave, approved, approver } => {
                self.decide(&daemon_set, &wave, approved, approver);
            }
            Happening::Label(pool, labels) => {
                self.cluster.label(&pool, labels);
                let item = Item::Pools(self.cluster.pool_labels());
                self.publish(Stream::Objects, item);
            }
            Happening::Move(nodes, pool) => self.edit(&nodes, |node| node.pool = pool.clone()),
            Happening::Dependency { name, pools, met } => self.depend(name, pools, met),
        }
    }

    fn each(&mut self, nodes: &[Name], mut act: impl FnMut(&mut Self, NodeId)) {
        for id in self.cluster.find(nodes) {
            act(self, id);
        }
    }

    fn each_pod(&mut self, nodes: &[Name], mut act: impl FnMut(&mut Self, PodId)) {
        self.each(nodes, |world, id| {
            for pod in world.cluster.nodes[id].pods.clone() {
                act(world, pod);
            }
        });
    }

    fn edit(&mut self, nodes: &[Name], change: impl Fn(&mut Machine)) {
        self.each(nodes, |world, id| {
            change(&mut world.cluster.nodes[id]);
            world.publish_node(id);
        });
    }

    fn remove(&mut self, id: NodeId) {
        let node = &mut self.cluster.nodes[id];
        node.exists = false;
        node.flap = None;
        let (name, uid) = (node.name.clone(), node.uid);
        self.cluster.by_name.remove(&name);
        for set in 0..self.cluster.sets.len() {
            self.down_by_us.remove(&(set, id));
        }
        self.publish(Stream::Nodes, Item::NodeGone(name, uid));
        let delay = self.pace.collect.draw(&mut self.rng);
        self.after(delay, Event::Collects(id));
    }

    fn join(&mut self, nodes: &[Name], pool: &Name) {
        for name in nodes {
            if self.cluster.by_name.contains_key(name) {
                continue;
            }
            let id = self.cluster.join(name, pool);
            self.publish_node(id);
            for set in 0..self.cluster.sets.len() {
                self.replace_soon(set, id);
            }
        }
    }

    fn fail(&mut self, id: PodId) {
        let Some(pod) = self.cluster.pods.get_mut(&id).filter(|pod| !pod.deleting) else { return };
        (pod.phase, pod.ready, pod.local.ready) = (Phase::Failed, false, false);
        pod.local.starts += 1;
        let (set, node) = (pod.set, pod.node);
        self.publish_pod(id);
        self.replace_soon(set, node);
    }

    fn spoil(&mut self, id: NodeId, spoilt: bool) {
        if mem::replace(&mut self.cluster.nodes[id].spoilt, spoilt) == spoilt {
            return;
        }
        for pod in self.cluster.nodes[id].pods.clone() {
            // What is being stopped is not started anew.
            if self.cluster.pods.get(&pod).is_some_and(|pod| pod.local.started && !pod.local.stopping) {
                self.start(pod);
            }
        }
    }

    fn control(&mut self, daemon_set: &Name, change: impl FnOnce(&mut Control)) {
        let Some(set) = self.cluster.set(daemon_set) else { return };
        let Some(run) = self.cluster.sets[set].rollouts.iter_mut().max_by_key(|run| run.number) else { return };
        change(&mut run.control);
        let number = run.number;
        self.publish_run(set, number);
    }
}
