//! From the API server to the updater: in order within a watch, late, and not at all while a watch stalls.

use planner::fleet::{Name, Uid};
use planner::rollout::{Control, Decided, Progress};
use planner::strategy::{Amount, PoolLabels, Strategy};

use super::{Event, World};
use crate::cluster::{NodeId, Pod, PodId, SetId};
use crate::happening::Stream;
use crate::mirror::{NodeSeen, PodSeen};

/// What a watch shows.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Node(NodeSeen),
    NodeGone(Name, Uid),
    Pod(PodSeen),
    PodGone {
        set: SetId,
        node: Name,
        uid: Uid,
    },
    Set {
        set: SetId,
        generation: u64,
        observed: bool,
        budget: Amount,
        named: bool,
    },
    /// A run's spec, and the decisions on its requests.
    Run {
        set: SetId,
        number: i64,
        control: Control,
        approvals: Vec<Decided>,
    },
    Strategy(Box<Result<Strategy, String>>),
    Pools(Vec<PoolLabels>),
    /// How far a target is that is not of this world.
    Other(Name, Progress),
    Bookmark,
}

impl World {
    pub(super) fn publish(&mut self, stream: Stream, item: Item) {
        if self.updater.is_none() {
            // It will list.
            return;
        }
        let lag = self.pace.watch.draw(&mut self.rng);
        let (now, life) = (self.now, self.life);
        let Some(flow) = self.streams.get_mut(&stream) else { return };
        flow.last = flow.last.max(flow.stalled_until).max(now + lag);
        let at = flow.last;
        self.agenda.add(at, Event::Delivers(life, stream, Box::new(item)));
    }

    pub(super) fn node_seen(&self, id: NodeId) -> NodeSeen {
        let node = &self.cluster.nodes[id];
        NodeSeen {
            name: node.name.clone(),
            uid: node.uid,
            pool: node.pool.clone(),
            cordoned: node.cordoned,
            leaving: node.leaving,
            ready: node.ready,
        }
    }

    pub(super) fn pod_seen(&self, pod: &Pod) -> PodSeen {
        PodSeen {
            set: pod.set,
            node: self.cluster.nodes[pod.node].name.clone(),
            name: pod.name.clone(),
            uid: pod.uid,
            revision: self.cluster.revision(pod).clone(),
            created: pod.created,
            deleting: pod.deleting,
            phase: pod.phase,
            ready: pod.ready,
            trouble: pod.trouble,
        }
    }

    pub(super) fn set_seen(&self, set: SetId) -> Item {
        let of = &self.cluster.sets[set];
        let observed = of.observed_generation == of.generation;
        Item::Set { set, generation: of.generation, observed, budget: of.budget, named: of.named }
    }

    pub(super) fn publish_node(&mut self, id: NodeId) {
        let item = Item::Node(self.node_seen(id));
        self.publish(Stream::Nodes, item);
    }

    pub(super) fn publish_pod(&mut self, id: PodId) {
        if let Some(pod) = self.cluster.pods.get(&id) {
            let item = Item::Pod(self.pod_seen(pod));
            self.publish(Stream::Pods, item);
        }
    }

    pub(super) fn publish_pod_gone(&mut self, pod: &Pod) {
        let node = self.cluster.nodes[pod.node].name.clone();
        self.publish(Stream::Pods, Item::PodGone { set: pod.set, node, uid: pod.uid });
    }

    pub(super) fn publish_run(&mut self, set: SetId, number: i64) {
        let Some(run) = self.cluster.sets[set].rollouts.iter().find(|run| run.number == number) else { return };
        let item = Item::Run { set, number, control: run.control.clone(), approvals: run.decided() };
        self.publish(Stream::Objects, item);
    }

    pub(super) fn publish_set(&mut self, set: SetId) {
        let item = self.set_seen(set);
        self.publish(Stream::Objects, item);
    }
}
