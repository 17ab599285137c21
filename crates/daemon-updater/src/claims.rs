//! Rule 8: one activation per node at a time, over all DaemonSets.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use planner::fleet::Uid;

/// Which DaemonSet restarts on which node. Lock it for a plan and what it starts, so that two plans never claim one node.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<Held>);

/// The nodes on which each DaemonSet has a restart without outcome.
#[derive(Debug, Default)]
pub(crate) struct Held(HashMap<Uid, HashSet<Uid>>);

impl Claims {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Whether another DaemonSet restarts on the node.
    pub(crate) fn by_other(&self, daemon_set: Uid, node: Uid) -> bool {
        self.0.iter().any(|(holder, nodes)| *holder != daemon_set && nodes.contains(&node))
    }

    /// These are the nodes of this DaemonSet now.
    pub(crate) fn set(&mut self, daemon_set: Uid, nodes: HashSet<Uid>) {
        if nodes.is_empty() {
            self.0.remove(&daemon_set);
        } else {
            self.0.insert(daemon_set, nodes);
        }
    }

    /// Nobody restarts anywhere: a new leader learns it again from each run's record.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
