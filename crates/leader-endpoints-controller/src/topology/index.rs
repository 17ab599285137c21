//! Who is in which pool, and what follows for the pools.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use planner::fleet::Name;
use proto::topology::v1 as messages;

use super::facts::{NodeFacts, PoolFacts, Source};
use super::row::{NodeRow, PoolRow};

/// What is known, by pool.
#[derive(Debug, Default)]
pub(super) struct Index {
    pools: HashMap<Name, Members>,
    /// The pool that each node is in.
    pool_of: HashMap<Name, Name>,
}

/// A pool and its nodes.
#[derive(Debug, Default)]
struct Members {
    facts: Option<PoolFacts>,
    nodes: BTreeMap<Name, NodeFacts>,
}

/// What is to be told anew; `None`: it is gone.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) pools: Vec<(Name, Option<PoolRow>)>,
    pub(super) nodes: Vec<(Name, Option<NodeRow>)>,
}

impl Index {
    /// Reads a pool and its nodes anew. A node that left it is followed to where it is now, so that it is at no time
    /// nowhere.
    pub(super) fn refresh(&mut self, pool: &str, source: &impl Source) -> Changes {
        let name: Name = self.pools.get_key_value(pool).map_or_else(|| Arc::from(pool), |(name, _)| name.clone());
        let (facts, now) = (source.pool(pool), source.members(pool));
        let known = self.pools.entry(name.clone()).or_default();
        let labels = |facts: &Option<PoolFacts>| facts.as_ref().map(|facts| facts.labels.clone());
        let relabelled = labels(&known.facts) != labels(&facts);
        known.facts = facts;
        let left = {
            let here: HashSet<&str> = now.iter().map(|node| &*node.name).collect();
            let left = known.nodes.values().filter(|node| !here.contains(&*node.name));
            left.map(|node| (node.name.clone(), node.uid)).collect::<Vec<_>>()
        };
        let news: Vec<_> =
            now.into_iter().filter(|node| relabelled || known.nodes.get(&node.name) != Some(node)).collect();
        let (mut touched, mut moved) = (BTreeSet::from([name]), BTreeSet::new());
        for node in news {
            self.place(node, &mut touched, &mut moved);
        }
        for (name, uid) in left {
            match source.node(uid) {
                Some(elsewhere) if *elsewhere.pool != *pool => self.place(elsewhere, &mut touched, &mut moved),
                // Gone; or back in the meantime, and then there is news of the pool to come.
                Some(_) | None => self.remove(&name, &mut moved),
            }
        }
        let nodes = moved.into_iter().map(|name| (name.clone(), self.node_row(&name))).collect();
        let pools = touched.iter().map(|name| (name.clone(), self.pool_row(name))).collect();
        self.pools
            .retain(|name, members| !touched.contains(name) || members.facts.is_some() || !members.nodes.is_empty());
        Changes { pools, nodes }
    }

    /// The pool that a node is in, with which the node is known to be there; empty: it is in none.
    pub(super) fn pool_of(&self, node: &str) -> Option<&Name> {
        self.pool_of.get(node)
    }

    fn place(&mut self, node: NodeFacts, touched: &mut BTreeSet<Name>, moved: &mut BTreeSet<Name>) {
        let (name, pool) = (node.name.clone(), node.pool.clone());
        let before = self.pool_of.insert(name.clone(), pool.clone());
        if let Some(before) = before.filter(|before| *before != pool)
            && let Some(members) = self.pools.get_mut(&before)
        {
            members.nodes.remove(&name);
            touched.insert(before);
        }
        self.pools.entry(pool.clone()).or_default().nodes.insert(name.clone(), node);
        touched.insert(pool);
        moved.insert(name);
    }

    fn remove(&mut self, node: &Name, moved: &mut BTreeSet<Name>) {
        if let Some(pool) = self.pool_of.remove(node)
            && let Some(members) = self.pools.get_mut(&pool)
        {
            members.nodes.remove(node);
        }
        moved.insert(node.clone());
    }

    fn node_row(&self, name: &Name) -> Option<NodeRow> {
        let members = self.pools.get(self.pool_of.get(name)?)?;
        let node = members.nodes.get(name)?;
        let message = messages::Node {
            name: node.name.to_string(),
            pool: node.pool.to_string(),
            ready: node.ready,
            since: Some(timestamp(node.since)),
        };
        Some(NodeRow(Arc::new((message, members.facts.as_ref().map(|facts| facts.labels.clone())))))
    }

    fn pool_row(&self, name: &Name) -> Option<PoolRow> {
        let Members { facts, nodes } = self.pools.get(name)?;
        let PoolFacts { kind, labels, leaders } = facts.as_ref()?;
        let ready = nodes.values().filter(|node| node.ready).count();
        // Who is chosen and has just been lost is no leader that anybody could reach, though the next is not chosen yet.
        let mut leaders: Vec<_> = leaders
            .iter()
            .filter(|leader| {
                let node = nodes.get(leader.name.as_str());
                node.is_some_and(|node| node.ready && node.address == Some(leader.address))
            })
            .map(|leader| messages::Leader { node: leader.name.clone(), address: leader.address.to_string() })
            .collect();
        leaders.sort_by(|a, b| a.node.cmp(&b.node));
        let zones: BTreeSet<_> = nodes.values().filter_map(|node| node.zone.as_deref()).collect();
        Some(PoolRow(Arc::new(messages::Pool {
            name: name.to_string(),
            r#type: (*kind).into(),
            labels: (**labels).clone(),
            ready_nodes: count(ready),
            unready_nodes: count(nodes.len() - ready),
            leaders,
            zones: zones.into_iter().map(str::to_owned).collect(),
        })))
    }
}

fn count(nodes: usize) -> u32 {
    u32::try_from(nodes).unwrap_or(u32::MAX)
}

fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    // Whole milliseconds: no sighting is more exact, and they take fewer bytes.
    let nanos = at.subsec_nanosecond() / 1_000_000 * 1_000_000;
    prost_types::Timestamp { seconds: at.as_second(), nanos }
}
