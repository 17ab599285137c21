//! What a cluster shows of one DaemonSet at a moment, as far as the user may read it, and the planner's view of it.
//!
//! A service sights: it stamps what it sees itself. A snapshot has nothing but the objects' own stamps, so times that edge
//! nodes wrote are taken as they are. That is good enough to explain and never acts.

mod decode;
mod dependencies;
mod facts;
mod planned;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::approval_request::ApprovalRequest;
use api::controller_revision::ControllerRevision;
use api::daemon_set::DaemonSet;
use jiff::Timestamp;
use planner::fleet::{Name, Node, Pod};
use planner::rollout::Progress;
use planner::strategy::PoolLabels;

pub(crate) use dependencies::ask;
pub(crate) use facts::decisions;
pub use facts::last_completed;
pub use planned::{Planned, PlannedError};
pub use read::{Freshness, nodes, pools, read, without_daemon_set};
pub(crate) use read::{list, optional, pages};

/// One DaemonSet with what its rollouts are about.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// The DaemonSet.
    pub daemon_set: DaemonSet,
    /// Its revisions, among others.
    pub revisions: Vec<ControllerRevision>,
    /// All nodes, by name.
    pub nodes: Vec<Arc<Node>>,
    /// The DaemonSet's pods, by node.
    pub pods: BTreeMap<Name, Vec<Pod>>,
    /// The labels of NodePools, by pool.
    pub pools: Vec<PoolLabels>,
    /// The approval requests of its namespace.
    pub approvals: Vec<ApprovalRequest>,
    /// How far the dependencies of its strategy are, in its order; unknown until they were asked for.
    pub dependencies: Vec<Progress>,
}

impl Snapshot {
    /// Its newest revision.
    pub fn newest(&self) -> Option<&ControllerRevision> {
        api::controller_revision::newest(&self.revisions, &self.daemon_set.metadata.uid)
    }

    /// When pods of a revision were made: the pace of a run.
    pub fn made(&self, revision: &str) -> Vec<Timestamp> {
        self.pods.values().flatten().filter(|pod| *pod.revision == *revision).map(|pod| pod.created).collect()
    }
}
