//! Pools and nodes of a test.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use planner::election::Leader;
use planner::fleet::{Name, Uid};
use proto::topology::v1::PoolType;

use super::super::facts::{NodeFacts, PoolFacts};
use super::*;

/// Where a test keeps its pools and nodes.
#[derive(Default)]
pub(super) struct Fake {
    pools: RefCell<BTreeMap<String, PoolFacts>>,
    nodes: RefCell<BTreeMap<String, NodeFacts>>,
}

impl Fake {
    /// A NodePool with this label and these leaders.
    pub(super) fn pool(&self, name: &str, label: (&str, &str), leaders: &[&str]) {
        let leader = |name: &&str| Leader { name: (*name).to_owned(), address: "10.0.0.1".parse().unwrap() };
        let facts = PoolFacts {
            kind: PoolType::Edge,
            labels: Arc::new([(label.0.to_owned(), label.1.to_owned())].into()),
            leaders: leaders.iter().map(leader).collect(),
        };
        self.pools.borrow_mut().insert(name.to_owned(), facts);
    }

    /// A node in a pool, with a UID made of its name.
    pub(super) fn node(&self, name: &str, pool: &str, ready: bool) {
        let node = NodeFacts {
            name: name.into(),
            uid: uid(name),
            pool: pool.into(),
            ready,
            since: Timestamp::from_second(1_700_000_000).unwrap(),
            zone: Some(format!("zone-{}", &name[name.len() - 1..])),
            address: "10.0.0.1".parse().ok(),
        };
        self.nodes.borrow_mut().insert(name.to_owned(), node);
    }

    pub(super) fn no_node(&self, name: &str) {
        self.nodes.borrow_mut().remove(name);
    }

    pub(super) fn no_pool(&self, name: &str) {
        self.pools.borrow_mut().remove(name);
    }

    pub(super) fn all_pools(&self) -> BTreeSet<String> {
        let named = self.nodes.borrow().values().map(|node| node.pool.to_string()).collect::<Vec<_>>();
        self.pools.borrow().keys().cloned().chain(named).collect()
    }
}

impl Source for Fake {
    fn pool(&self, name: &str) -> Option<PoolFacts> {
        self.pools.borrow().get(name).cloned()
    }

    fn members(&self, pool: &str) -> Vec<NodeFacts> {
        self.nodes.borrow().values().filter(|node| *node.pool == *pool).cloned().collect()
    }

    fn node(&self, uid: Uid) -> Option<NodeFacts> {
        self.nodes.borrow().values().find(|node| node.uid == uid).cloned()
    }
}

fn uid(name: &str) -> Uid {
    let mut bytes = [0_u8; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]];
    parts.join("-").parse().unwrap()
}

/// For lookups by name.
pub(super) fn names<'a>(found: impl IntoIterator<Item = &'a Name>) -> Vec<&'a str> {
    found.into_iter().map(|name| &**name).collect()
}
