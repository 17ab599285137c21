//! Kubernetes' controllers of DaemonSets and of deleted nodes' pods.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Name, Phase};

use super::{Event, World};
use crate::cluster::{Local, NodeId, Set, SetId, Template};
use crate::release::Release;

/// How soon the DaemonSet controller tries again when a pod could not be made.
const CREATE_AGAIN: SignedDuration = SignedDuration::from_secs(10);

impl World {
    /// A DaemonSet that has run `r1` everywhere since then.
    pub(super) fn found(&mut self, name: &Name, min_ready: SignedDuration, named: bool, since: Timestamp) {
        let revision = Name::from("r1");
        let set = Set {
            name: name.clone(),
            min_ready,
            templates: vec![Template { revision: revision.clone(), release: Release::GOOD }],
            current: 0,
            generation: 1,
            observed: 0,
            observed_generation: 1,
            revisions: BTreeMap::from([(revision, 1)]),
            budget: self.strategy.max_unavailable,
            named,
            rollouts: Vec::new(),
        };
        self.cluster.sets.push(set);
        let at = self.cluster.sets.len() - 1;
        for node in 0..self.cluster.nodes.len() {
            let id = self.cluster.make(at, node, since);
            if let Some(pod) = self.cluster.pods.get_mut(&id) {
                (pod.phase, pod.ready) = (Phase::Running, true);
                pod.local = Local { started: true, ready: true, starts: 1, ..Local::default() };
            }
        }
    }

    /// The API server has a new template.
    pub(super) fn change_template(&mut self, set: SetId, revision: Name, release: Release) {
        let known = &mut self.cluster.sets[set];
        known.templates.push(Template { revision, release });
        known.current = known.templates.len() - 1;
        known.generation += 1;
        let generation = known.generation;
        self.template_changed = Some(self.now);
        self.summary.completed_after = None;
        self.phases[set] = None;
        self.publish_set(set);
        let delay = self.pace.observe.draw(&mut self.rng);
        self.after(delay, Event::Observes(set, generation));
    }

    pub(super) fn observe(&mut self, set: SetId, generation: u64) {
        let known = &mut self.cluster.sets[set];
        if known.generation != generation {
            return;
        }
        known.observed = known.current;
        known.observed_generation = generation;
        let revision = known.templates[known.current].revision.clone();
        let number = known.newest().map_or(0, |(_, number)| number);
        if known.newest().is_none_or(|(newest, _)| *newest != revision) {
            // An earlier revision that is used again gets the highest number.
            known.revisions.insert(revision, number + 1);
        }
        self.publish_set(set);
    }

    pub(super) fn replace_soon(&mut self, set: SetId, node: NodeId) {
        let delay = self.pace.replace.draw(&mut self.rng);
        self.after(delay, Event::Replaces(set, node));
    }

    pub(super) fn replace(&mut self, set: SetId, node: NodeId) {
        if !self.cluster.nodes[node].exists {
            return;
        }
        let ended = |phase| matches!(phase, Phase::Failed | Phase::Succeeded);
        let over = self.cluster.pods_on(set, node).find(|pod| ended(pod.phase)).map(|pod| pod.id);
        if let Some(id) = over {
            self.vanish(id);
            return;
        }
        if self.cluster.pods_on(set, node).next().is_some() {
            return;
        }
        if self.cluster.quota_full {
            self.after(CREATE_AGAIN, Event::Replaces(set, node));
            return;
        }
        let id = self.cluster.make(set, node, self.now);
        self.publish_pod(id);
        self.nudge(id);
    }

    pub(super) fn collect(&mut self, node: NodeId) {
        for id in self.cluster.nodes[node].pods.clone() {
            if let Some(pod) = self.cluster.forget(id) {
                self.publish_pod_gone(&pod);
            }
        }
    }
}
