//! Pools and nodes, as far as others need to know them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::SystemTime;

use proto::topology::v1 as messages;

/// A NodePool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// What kind of pool it is.
    pub kind: PoolKind,
    /// Labels of the NodePool object.
    pub labels: BTreeMap<String, String>,
    /// How many of its nodes are Ready.
    pub ready_nodes: u32,
    /// How many are not.
    pub unready_nodes: u32,
    /// Its leaders, by node.
    pub leaders: Vec<Leader>,
    /// The zones its nodes are in, sorted.
    pub zones: Vec<String>,
}

/// The kind of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// Nodes at an edge site.
    Edge,
    /// Nodes in the cloud.
    Cloud,
    /// A kind that this version does not know.
    Other,
}

/// A node that its pool's other nodes reach the cloud through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Name of the node.
    pub node: String,
    /// Where it is reached.
    pub address: IpAddr,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The pool it is in, if any.
    pub pool: Option<String>,
    /// Whether its Ready condition is True.
    pub ready: bool,
    /// Since when the replica that told it has seen it so, by that replica's clock: one that has just started counts anew.
    /// None when it was not told.
    pub since: Option<SystemTime>,
}

impl From<messages::Pool> for Pool {
    /// A leader whose address cannot be read is left out: nobody could reach it.
    fn from(pool: messages::Pool) -> Self {
        let kind = match pool.r#type() {
            messages::PoolType::Edge => PoolKind::Edge,
            messages::PoolType::Cloud => PoolKind::Cloud,
            messages::PoolType::Unspecified => PoolKind::Other,
        };
        let messages::Pool { name, r#type: _, labels, ready_nodes, unready_nodes, leaders, zones } = pool;
        let leaders = leaders
            .into_iter()
            .filter_map(|messages::Leader { node, address }| Some(Leader { node, address: address.parse().ok()? }));
        Self { name, kind, labels, ready_nodes, unready_nodes, leaders: leaders.collect(), zones }
    }
}

impl From<messages::Node> for Node {
    fn from(messages::Node { name, pool, ready, since }: messages::Node) -> Self {
        let pool = Some(pool).filter(|pool| !pool.is_empty());
        Self { name, pool, ready, since: since.and_then(|since| SystemTime::try_from(since).ok()) }
    }
}
