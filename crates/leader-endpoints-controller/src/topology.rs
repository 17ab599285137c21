//! `TopologyService`: who is in which pool, who is reachable, who leads, from the mirrors of this replica.
//!
//! What changes in the mirrors is put into two [`Feed`]s, one of pools and one of nodes (grouped by pool, so that who follows
//! one pool neither wakes nor looks for the others). Every replica serves, whoever leads.

mod access;
mod facts;
mod index;
mod metrics;
mod row;
mod select;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chassis::feed::{self, Feed};
use controller_runtime::mirror::Mirror;
use serde::Serialize;

pub(crate) use metrics::Metrics;
pub(crate) use service::Service;
pub use settings::Settings;

use crate::nodes::Node;
use crate::pools::Pool;
use facts::Source;
use index::Index;
use row::{NodeRow, PoolRow};

/// The topology as it is served. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Topology(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    index: Mutex<Index>,
    pools: Feed<PoolRow>,
    nodes: Feed<NodeRow>,
    listed: AtomicBool,
}

/// What is served, in numbers.
#[derive(Debug, Serialize)]
pub(crate) struct TopologyDump {
    listed: bool,
    pools: usize,
    nodes: usize,
    watches_of_pools: usize,
    watches_of_nodes: usize,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            index: Mutex::default(),
            pools: Feed::new(feed::Settings::default()),
            nodes: Feed::new(feed::Settings::default()),
            listed: AtomicBool::new(false),
        }
    }
}

impl Topology {
    /// Takes in what the mirrors say of a pool now, its nodes included: after every change of a NodePool and of a node,
    /// under the name of each pool concerned ("" for nodes without pool). What did not change costs nobody anything.
    pub(crate) fn pool_changed(&self, pool: &str, pools: &Mirror<Pool>, nodes: &Mirror<Node>) {
        let mut index = self.index();
        // Before that, all pools are taken in at once.
        if self.is_listed() {
            self.take_in(&mut index, pool, &(pools, nodes));
        }
    }

    /// Both mirrors are complete: takes in everything, and from now on callers are answered.
    pub(crate) fn listed(&self, pools: &Mirror<Pool>, nodes: &Mirror<Node>) {
        let names: BTreeSet<_> = pools.owners().into_iter().chain(nodes.owners()).collect();
        self.open(names.iter().map(|name| &**name), &(pools, nodes));
    }

    /// What `AdminService` shows of it.
    pub(crate) fn dump(&self) -> TopologyDump {
        let Inner { pools, nodes, .. } = &*self.0;
        TopologyDump {
            listed: self.is_listed(),
            pools: pools.len(),
            nodes: nodes.len(),
            watches_of_pools: pools.cursors(),
            watches_of_nodes: nodes.cursors(),
        }
    }

    fn open<'a>(&self, pools: impl IntoIterator<Item = &'a str>, source: &impl Source) {
        let mut index = self.index();
        pools.into_iter().for_each(|pool| self.take_in(&mut index, pool, source));
        self.0.listed.store(true, Ordering::Release);
    }

    fn is_listed(&self) -> bool {
        self.0.listed.load(Ordering::Acquire)
    }

    /// The source is read under the lock: of two threads with news of one pool, the later one has the newer.
    fn take_in(&self, index: &mut Index, pool: &str, source: &impl Source) {
        let changes = index.refresh(pool, source);
        self.0.nodes.apply(changes.nodes.iter().map(|(name, row)| (&**name, row.clone())));
        self.0.pools.apply(changes.pools.iter().map(|(name, row)| (&**name, row.clone())));
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.0.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
