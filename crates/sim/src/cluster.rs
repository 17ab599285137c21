//! The objects at the API server, and the machines behind them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{ByUid, Name, Phase, Uid};
use planner::rollout::{Control, Decided, Point, Progress, Record};
use planner::strategy::{Amount, PoolLabels, Strategy};

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
    /// Its annotation.
    pub(crate) budget: Amount,
    /// It names the strategy.
    pub(crate) named: bool,
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
    pub(crate) revision: Name,
    pub(crate) record: Option<Record>,
    pub(crate) control: Control,
    pub(crate) rules: Rules,
    pub(crate) requests: Vec<Request>,
    /// The failed revision that it returns from.
    pub(crate) rollback_of: Option<Name>,
    /// Where the updater brought the template back to when it failed.
    pub(crate) went_back_to: Option<Name>,
}

/// `spec.strategy` of a FleetRollout.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rules {
    /// The strategy that the target names is missing or not valid.
    Missing,
    /// Of a strategy, as it was when the run got it.
    Named(Strategy),
    /// Of a target that names none: the budget is its annotation, as it is now.
    Implied(Strategy),
}

/// An `ApprovalRequest`.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) wave: Name,
    pub(crate) point: Point,
    pub(crate) decided: Option<Decided>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The labels of NodePools.
    pub(crate) pools: BTreeMap<Name, Vec<(Name, Name)>>,
    /// The `RolloutStrategy`, or why there is no valid one.
    pub(crate) strategy: Result<Strategy, String>,
    /// How far targets are that are not of this world; what is not here is unknown.
    pub(crate) others: BTreeMap<Name, Progress>,
    pub(crate) nodes: Vec<Machine>,
    pub(crate) by_name: BTreeMap<Name, NodeId>,
    pub(crate) pods: BTreeMap<PodId, Pod>,
    pub(crate) sets: Vec<Set>,
    pub(crate) quota_full: bool,
    uids: u64,
    pods_by_uid: ByUid<PodId>,
}

impl Cluster {
    /// Nothing but a `RolloutStrategy`.
    pub(crate) fn new(strategy: Strategy) -> Self {
        Self {
            pools: BTreeMap::new(),
            strategy: Ok(strategy),
            others: BTreeMap::new(),
            nodes: Vec::new(),
            by_name: BTreeMap::new(),
            pods: BTreeMap::new(),
            sets: Vec::new(),
            quota_full: false,
            uids: 0,
            pods_by_uid: ByUid::default(),
        }
    }

    /// A NodePool has these labels from now on.
    pub(crate) fn label(&mut self, pool: &Name, mut labels: Vec<(Name, Name)>) {
        labels.sort();
        self.pools.insert(pool.clone(), labels);
    }

    /// The labels of all NodePools, sorted by pool.
    pub(crate) fn pool_labels(&self) -> Vec<PoolLabels> {
        let labels = |(pool, labels): (&Name, &Vec<_>)| PoolLabels { pool: pool.clone(), labels: labels.clone() };
        self.pools.iter().map(labels).collect()
    }

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
        self.pods_by_uid.insert(uid, id);
        id
    }

    /// The pods of a DaemonSet on a node.
    pub(crate) fn pods_on(&self, set: SetId, node: NodeId) -> impl Iterator<Item = &Pod> {
        self.nodes[node].pods.iter().filter_map(|id| self.pods.get(id)).filter(move |pod| pod.set == set)
    }

    /// Removes a pod's object.
    pub(crate) fn forget(&mut self, id: PodId) -> Option<Pod> {
        let pod = self.pods.remove(&id)?;
        self.pods_by_uid.remove(&pod.uid);
        self.nodes[pod.node].pods.retain(|other| *other != id);
        Some(pod)
    }

    /// The pod of this UID.
    pub(crate) fn pod_of(&self, uid: Uid) -> Option<&Pod> {
        self.pods.get(self.pods_by_uid.get(&uid)?)
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

impl Rollout {
    /// The decisions on its requests.
    pub(crate) fn decided(&self) -> Vec<Decided> {
        self.requests.iter().filter_map(|request| request.decided.clone()).collect()
    }

    /// It completed, and did not halt afterwards.
    pub(crate) fn is_completed(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.completed.is_some() && record.halt.is_none())
    }
}

impl Set {
    /// The newest ControllerRevision.
    pub(crate) fn newest(&self) -> Option<(&Name, i64)> {
        self.revisions.iter().max_by_key(|(_, number)| **number).map(|(name, number)| (name, *number))
    }
}
