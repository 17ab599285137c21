//! A compact mirror of all nodes and all DaemonSet pods, decoded from the watches straight into the planner's records.
//!
//! It sights: what it stamps are its own receive times, never those of an edge. It overlays writes of ours that the watch
//! does not show yet (read your own writes, per pod). It remembers who was lost. It decides nothing.
//!
//! Invariant: between a full list's begin and end, nothing that the list has not named yet is forgotten.

mod follow;
mod names;
mod node_frame;
mod nodes;
mod pod_frame;
mod pods;

pub use follow::{FleetMetrics, follow};
pub use names::{Interned, intern};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use planner::fleet::{Loss, LossHistory, Name, Node, Pod, Uid};
use planner::rollout::View;
use tokio::sync::Notify;

use nodes::Nodes;
use pods::Pods;

/// The mirror. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    state: Arc<Mutex<State>>,
    relist: Arc<Notify>,
}

/// What the mirror holds, under its lock: a snapshot as long as the lock is held.
#[derive(Debug, Default)]
pub struct State {
    nodes: Nodes,
    pods: Pods,
}

/// What a batch of frames changed, as far as anybody has to look again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// DaemonSets with a pod that became Ready: a slot may be free.
    pub urgent: Vec<Uid>,
    /// DaemonSets with other changes of their pods.
    pub later: Vec<Uid>,
    /// A node came, went, or changed in a way that matters to all.
    pub nodes: bool,
    /// A full list was completed; see [`State::is_listed`].
    pub listed: bool,
}

impl Fleet {
    /// Locks the mirror. Hold it for a plan, never over an await.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts both watches over with a consistent full list: a new leader's, before it acts. From now on and until that is
    /// complete the mirror is not [listed](State::is_listed). Overlays are forgotten: a consistent list shows what became of the
    /// writes of an earlier term.
    pub fn relist(&self) {
        let mut state = self.lock();
        state.nodes.sight.listing = true;
        state.pods.sight.listing = true;
        state.pods.forget_overlays();
        self.relist.notify_one();
    }

    /// From now on, and until the watch tells, this pod counts as terminating: its DELETE is on its way.
    pub fn overlay_delete(&self, owner: Uid, node: &Name, pod: Uid) {
        self.lock().pods.overlay(owner, node, pod);
    }

    /// The DELETE turned out not to have happened.
    pub fn lift_overlay(&self, owner: Uid, node: &Name, pod: Uid) {
        self.lock().pods.lift(owner, node, pod);
    }
}

impl State {
    /// Whether both lists are complete.
    pub fn is_listed(&self) -> bool {
        let complete = |sight: &Sight| sight.listed.is_some() && !sight.listing;
        complete(&self.nodes.sight) && complete(&self.pods.sight)
    }

    /// How fresh the view is; `None` before both lists are complete.
    pub fn view(&self) -> Option<View> {
        let (nodes, pods) = (&self.nodes.sight, &self.pods.sight);
        Some(View { since: nodes.listed?.max(pods.listed?), heard: nodes.heard?.min(pods.heard?) })
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.all()
    }

    /// How often any node changed in what placement looks at (labels, taints, being there).
    pub fn nodes_version(&self) -> u64 {
        self.nodes.placement_version
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Number of pods.
    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    /// The pods of a DaemonSet, by node name; a node's pods are in one slice.
    pub fn pods_of(&self, owner: Uid) -> impl Iterator<Item = (&Name, &[Pod])> {
        self.pods.of(owner)
    }

    /// The losses after this number, oldest first, and the number of the newest.
    pub fn losses_after(&self, seq: u64) -> (Vec<Loss>, u64) {
        self.nodes.losses_after(seq)
    }

    /// The losses of the last day, by node.
    pub fn loss_history(&self) -> &LossHistory {
        &self.nodes.history
    }

    /// Heap bytes of the cached pods, counted from their records (strings included, allocator overhead not).
    pub fn pod_bytes(&self) -> usize {
        self.pods.bytes()
    }
}

/// How fresh one watch's view is.
#[derive(Debug, Default)]
struct Sight {
    /// The end of the first full list.
    listed: Option<Timestamp>,
    /// The last event or bookmark.
    heard: Option<Timestamp>,
    /// A full list is under way; entries that it does not name carry an older number.
    listing: bool,
    /// Counts full lists.
    round: u32,
}

impl Sight {
    fn restart(&mut self) {
        self.listing = true;
        self.round += 1;
    }

    fn complete(&mut self, now: Timestamp) {
        self.listing = false;
        self.listed.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests;
