//! Rule 8: one activation per node at a time, over all DaemonSets.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use planner::fleet::Uid;

/// Which DaemonSet restarts on which node. Lock it for a plan and what it starts, so that two plans never claim one node.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<Held>);

/// Who restarts where, and who waits for that.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The nodes on which each DaemonSet has a restart without outcome.
    nodes: HashMap<Uid, HashSet<Uid>>,
    /// DaemonSets that found a node busy when they were planned last.
    waiting: HashSet<Uid>,
}

impl Claims {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Whether another DaemonSet restarts on the node.
    pub(crate) fn by_other(&self, daemon_set: Uid, node: Uid) -> bool {
        self.nodes.iter().any(|(holder, nodes)| *holder != daemon_set && nodes.contains(&node))
    }

    /// This DaemonSet found a node busy.
    pub(crate) fn wait(&mut self, daemon_set: Uid) {
        self.waiting.insert(daemon_set);
    }

    /// These are the nodes of this DaemonSet now. Returns who is to be looked at, because it let a node go: no event tells them.
    #[must_use]
    pub(crate) fn set(&mut self, daemon_set: Uid, nodes: HashSet<Uid>) -> HashSet<Uid> {
        let lets_go = self.nodes.get(&daemon_set).is_some_and(|before| !before.is_subset(&nodes));
        if nodes.is_empty() {
            self.nodes.remove(&daemon_set);
        } else {
            self.nodes.insert(daemon_set, nodes);
        }
        if lets_go { mem::take(&mut self.waiting) } else { HashSet::new() }
    }

    /// Nobody restarts anywhere: a new leader learns it again from each run's record.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_found_a_node_busy_is_told_when_one_is_let_go() {
        let [agent, gateway, one, other] = [1, 2, 3, 4].map(Uid::from_u128);
        let (mut held, nobody) = (Held::default(), HashSet::new());
        assert_eq!(held.set(agent, [one, other].into()), nobody);
        assert!(held.by_other(gateway, one) && !held.by_other(agent, one));
        held.wait(gateway);
        assert_eq!(held.set(agent, [one, other].into()), nobody, "it has them still");
        assert_eq!(held.set(agent, [one].into()), [gateway].into());
        assert_eq!(held.set(agent, nobody.clone()), nobody, "whoever still waits says so again");
        held.wait(gateway);
        assert_eq!(held.set(agent, [one].into()), nobody, "one more is none less");
    }
}
