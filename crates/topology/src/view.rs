//! What is known, to be asked at any time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::known::{Known, Unknown};
use crate::model::{Node, Pool};
use crate::table::{Rows, Table};

/// What is known of pools and nodes. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct View {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pools: Mutex<Side<Pool>>,
    nodes: Mutex<Side<Node>>,
    unknown_after: Duration,
    changes: watch::Sender<u64>,
}

/// One of the two streams, and what became of it.
#[derive(Debug)]
pub(crate) struct Side<T> {
    pub(crate) table: Table<T>,
    /// What went wrong last, until something is heard.
    pub(crate) trouble: Option<String>,
}

impl View {
    pub(crate) fn new(unknown_after: Duration) -> Self {
        let side = |trouble: &str| Some(trouble.to_owned());
        let pools = Side { table: Table::default(), trouble: side("pools are not followed") };
        let nodes = Side { table: Table::default(), trouble: side("nodes are not followed") };
        let (pools, nodes) = (Mutex::new(pools), Mutex::new(nodes));
        Self { shared: Arc::new(Shared { pools, nodes, unknown_after, changes: watch::Sender::new(0) }) }
    }

    /// The node of this name, or that there is none among those followed.
    pub fn node(&self, name: &str) -> Known<Option<Node>> {
        self.ask(&self.shared.nodes, |nodes| nodes.get(name).cloned())
    }

    /// The nodes of a pool, by name.
    pub fn nodes_of(&self, pool: &str) -> Known<Vec<Node>> {
        self.ask(&self.shared.nodes, |nodes| nodes.of(pool).cloned().collect())
    }

    /// All nodes followed, by name.
    pub fn nodes(&self) -> Known<Vec<Node>> {
        self.ask(&self.shared.nodes, |nodes| nodes.all().cloned().collect())
    }

    /// The pool of this name, or that there is none among those followed.
    pub fn pool(&self, name: &str) -> Known<Option<Pool>> {
        self.ask(&self.shared.pools, |pools| pools.get(name).cloned())
    }

    /// All pools followed, by name.
    pub fn pools(&self) -> Known<Vec<Pool>> {
        self.ask(&self.shared.pools, |pools| pools.all().cloned().collect())
    }

    /// How old what is known of nodes is: since the server last said that nothing was missing, and what it knew was fresh.
    /// The time that the message travelled is not in it. None if nothing was known yet.
    pub fn nodes_age(&self) -> Option<Duration> {
        lock(&self.shared.nodes).table.age(Instant::now())
    }

    /// The same for pools.
    pub fn pools_age(&self) -> Option<Duration> {
        lock(&self.shared.pools).table.age(Instant::now())
    }

    /// Wakes whenever an answer may be another one than before: something changed, became unknown, or is known again. The
    /// number means nothing but that it differs.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    pub(crate) fn unknown_after(&self) -> Duration {
        self.shared.unknown_after
    }

    pub(crate) fn pools_side(&self) -> MutexGuard<'_, Side<Pool>> {
        lock(&self.shared.pools)
    }

    pub(crate) fn nodes_side(&self) -> MutexGuard<'_, Side<Node>> {
        lock(&self.shared.nodes)
    }

    pub(crate) fn wake(&self) {
        self.shared.changes.send_modify(|number| *number = number.wrapping_add(1));
    }

    fn ask<T, A>(&self, side: &Mutex<Side<T>>, answer: impl FnOnce(&Rows<T>) -> A) -> Known<A>
    where
        T: crate::table::Row,
    {
        let side = lock(side);
        match side.table.age(Instant::now()) {
            Some(age) if age <= self.shared.unknown_after => Known::Known(answer(side.table.rows())),
            age => Known::Unknown(Unknown { age, cause: side.trouble.clone() }),
        }
    }
}

fn lock<T>(side: &Mutex<Side<T>>) -> MutexGuard<'_, Side<T>> {
    side.lock().unwrap_or_else(PoisonError::into_inner)
}
