//! The objects at the API server, and the machines behind them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Name, Phase, Uid};
use planner::rollout::{Control, Record};
use planner::strategy::Amount;

use crate::release::Release;

pub(crate) type NodeId = usize;
pub(crate) type PodId = u64;
pub(crate) type SetId = usize;

/// A node object and its machine.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each by its name")]
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) name: Name,
    pub(crate) uid: Uid,
    pub(crate) pool: Name,
    /// The object exists.
    pub(crate) exists: bool,
    pub(crate) cordoned: bool,
    /// An autoscaler is about to remove it.
    pub(crate) leaving: bool,
    /// Its Ready condition.
    pub(crate) ready: bool,
    /// The link is up and the kubelet has reported since.
    pub(crate) connected: bool,
    /// The machine is off.
    pub(crate) dead: bool,
    /// Counts changes of the link, so that what an earlier one set in motion is told apart.
    pub(crate) link: u32,
    pub(crate) flap: Option<SignedDuration>,
    /// Its kubelet cannot stop pods.
    pub(crate) hangs: bool,
    /// Nothing runs on it.
    pub(crate) spoilt: bool,
    pub(crate) pods: Vec<PodId>,
}

/// A pod object, and its containers.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) id: PodId,
    pub(crate) name: Name,
    pub(crate) uid: Uid,
    pub(crate) set: SetId,
    pub(crate) node: NodeId,
    /// Index into [`Set::templates`].
    pub(crate) template: usize,
    pub(crate) created: Timestamp,
    pub(crate) deleting: bool,
    pub(crate) phase: Phase,
    pub(crate) ready: bool,
    pub(crate) trouble: bool,
    pub(crate) local: Local,
}

/// What is so on the machine, whether the API server knows it or not.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each by its name")]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Local {
    pub(crate) started: bool,
    pub(crate) ready: bool,
    pub(crate) trouble: bool,
    pub(crate) stopping: bool,
    pub(crate) stopped: bool,
    /// Counts starts.
    pub(crate) starts: u32,
}

/// A DaemonSet.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) name: Name,
    pub(crate) min_ready: SignedDuration,
    pub(crate) templates: Vec<Template>,
    /// Index into `templates`: `spec.template`.
    pub(crate) current: usize,
    pub(crate) generation: u64,
    /// Index into `templates`: what its controller makes pods of.
    pub(crate) observed: usize,
    pub(crate) observed_generation: u64,
    /// Its `ControllerRevision`s: revision name and number.
    pub(crate) revisions: BTreeMap<Name, i64>,
    pub(crate) budget: Amount,
    pub(crate) rollouts: Vec<Rollout>,
}

#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) revision: Name,
    pub(crate) release: Release,
}

/// A FleetRollout.
#[derive(Debug)]
pub(crate) struct Rollout {
    pub(crate) number: i64,
    pub(crate) record: Option<Record>,
    pub(crate) control: Control,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Machine>,
    pub(crate) by_name: BTreeMap<Name, NodeId>,
    pub(crate) pods: BTreeMap<PodId, Pod>,
    pub(crate) sets: Vec<Set>,
    pub(crate) quota_full: bool,
    uids: u64,
}

impl Cluster {
    /// A UID as random as the API server's, and the same each time.
    pub(crate) fn uid(&mut self) -> Uid {
        self.uids += 1;
        let mut mix = crate::rng::Rng::new(self.uids);
        Uid::from_u128((u128::from(mix.draw()) << 64) | u128::from(mix.draw()))
    }

    /// A new node object.
    pub(crate) fn join(&mut self, name: &Name, pool: &Name) -> NodeId {
        let uid = self.uid();
        self.nodes.push(Machine {
            name: name.clone(),
            uid,
            pool: pool.clone(),
            exists: true,
            cordoned: false,
            leaving: false,
            ready: true,
            connected: true,
            dead: false,
            link: 0,
            flap: None,
            hangs: false,
            spoilt: false,
            pods: Vec::new(),
        });
        let id = self.nodes.len() - 1;
        self.by_name.insert(name.clone(), id);
        id
    }

    /// A new pod object of the template that the DaemonSet controller has observed.
    pub(crate) fn make(&mut self, set: SetId, node: NodeId, now: Timestamp) -> PodId {
        let uid = self.uid();
        let id = self.uids;
        let (template, name) = (self.sets[set].observed, self.sets[set].name.clone());
        self.nodes[node].pods.push(id);
        let pod = Pod {
            id,
            name: format!("{name}-{:05x}", uid.as_u128() & 0xf_ffff).into(),
            uid,
            set,
            node,
            template,
            created: now,
            deleting: false,
            phase: Phase::Pending,
            ready: false,
            trouble: false,
            local: Local::default(),
        };
        self.pods.insert(id, pod);
        id
    }

    /// The pods of a DaemonSet on a node.
    pub(crate) fn pods_on(&self, set: SetId, node: NodeId) -> impl Iterator<Item = &Pod> {
        self.nodes[node].pods.iter().filter_map(|id| self.pods.get(id)).filter(move |pod| pod.set == set)
    }

    /// Removes a pod's object.
    pub(crate) fn forget(&mut self, id: PodId) -> Option<Pod> {
        let pod = self.pods.remove(&id)?;
        self.nodes[pod.node].pods.retain(|other| *other != id);
        Some(pod)
    }

    /// A pod's revision.
    pub(crate) fn revision(&self, pod: &Pod) -> &Name {
        &self.sets[pod.set].templates[pod.template].revision
    }

    /// The ids of these nodes, as far as they are there.
    pub(crate) fn find(&self, names: &[Name]) -> Vec<NodeId> {
        names.iter().filter_map(|name| self.by_name.get(name).copied()).collect()
    }

    /// The DaemonSet of this name.
    pub(crate) fn set(&self, name: &Name) -> Option<SetId> {
        self.sets.iter().position(|set| set.name == *name)
    }
}

impl Set {
    /// The newest ControllerRevision.
    pub(crate) fn newest(&self) -> Option<(&Name, i64)> {
        self.revisions.iter().max_by_key(|(_, number)| **number).map(|(name, number)| (name, *number))
    }
}
