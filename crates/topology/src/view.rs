//! What is known, to be asked at any time.

use std::time::Duration;

use chassis::follow::Followed;
use chassis::follow::table::{Row, Rows};
use tokio::sync::watch;

use crate::known::{Known, Unknown};
use crate::model::{Node, Pool};

/// What is known of pools and nodes. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct View {
    pools: Followed<Pool>,
    nodes: Followed<Node>,
}

impl View {
    pub(crate) fn new(unknown_after: Duration) -> Self {
        let changes = watch::Sender::new(0);
        Self {
            pools: Followed::new(unknown_after, changes.clone(), "pools are not followed"),
            nodes: Followed::new(unknown_after, changes, "nodes are not followed"),
        }
    }

    /// The node of this name, or that there is none among those followed.
    pub fn node(&self, name: &str) -> Known<Option<Node>> {
        ask(&self.nodes, |nodes| nodes.get(name).cloned())
    }

    /// The nodes of a pool, by name.
    pub fn nodes_of(&self, pool: &str) -> Known<Vec<Node>> {
        ask(&self.nodes, |nodes| nodes.of(pool).cloned().collect())
    }

    /// All nodes followed, by name.
    pub fn nodes(&self) -> Known<Vec<Node>> {
        ask(&self.nodes, |nodes| nodes.all().cloned().collect())
    }

    /// The pool of this name, or that there is none among those followed.
    pub fn pool(&self, name: &str) -> Known<Option<Pool>> {
        ask(&self.pools, |pools| pools.get(name).cloned())
    }

    /// All pools followed, by name.
    pub fn pools(&self) -> Known<Vec<Pool>> {
        ask(&self.pools, |pools| pools.all().cloned().collect())
    }

    /// How old what is known of nodes is: since the server last said that nothing was missing, and what it knew was fresh.
    /// The time that the message travelled is not in it. None if nothing was known yet.
    pub fn nodes_age(&self) -> Option<Duration> {
        self.nodes.age()
    }

    /// The same for pools.
    pub fn pools_age(&self) -> Option<Duration> {
        self.pools.age()
    }

    /// Wakes whenever an answer may be another one than before: something changed, became unknown, or is known again. The
    /// number means nothing but that it differs.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.pools.subscribe()
    }

    pub(crate) fn pools_followed(&self) -> Followed<Pool> {
        self.pools.clone()
    }

    pub(crate) fn nodes_followed(&self) -> Followed<Node> {
        self.nodes.clone()
    }
}

fn ask<T: Row, A>(followed: &Followed<T>, answer: impl FnOnce(&Rows<T>) -> A) -> Known<A> {
    match followed.ask(answer) {
        Ok(answer) => Known::Known(answer),
        Err(unknown) => Known::Unknown(Unknown { age: unknown.age, cause: unknown.cause }),
    }
}
