//! What the topology is made of, and where it is read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use controller_runtime::mirror::Mirror;
use jiff::Timestamp;
use planner::election::Leader;
use planner::fleet::{Name, Uid};
use proto::topology::v1::PoolType;

use crate::nodes::Node;
use crate::pools::Pool;

/// The label by which a node says in which zone it is (Kubernetes' well-known one).
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// A NodePool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PoolFacts {
    pub(super) kind: PoolType,
    pub(super) labels: Arc<BTreeMap<String, String>>,
    /// As elected; the newest news of a node may not be weighed yet.
    pub(super) leaders: Vec<Leader>,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeFacts {
    pub(super) name: Name,
    pub(super) uid: Uid,
    /// Empty without one.
    pub(super) pool: Name,
    pub(super) ready: bool,
    pub(super) since: Timestamp,
    pub(super) zone: Option<String>,
    pub(super) address: Option<IpAddr>,
}

/// Where facts are read.
pub(crate) trait Source {
    /// The NodePool of this name.
    fn pool(&self, name: &str) -> Option<PoolFacts>;

    /// The nodes whose label names this pool.
    fn members(&self, pool: &str) -> Vec<NodeFacts>;

    /// The node with this UID, wherever it is.
    fn node(&self, uid: Uid) -> Option<NodeFacts>;
}

impl Source for (&Mirror<Pool>, &Mirror<Node>) {
    fn pool(&self, name: &str) -> Option<PoolFacts> {
        self.0.of(name).first().map(|pool| PoolFacts::from(&**pool))
    }

    fn members(&self, pool: &str) -> Vec<NodeFacts> {
        self.1.of(pool).iter().map(|node| NodeFacts::from(&**node)).collect()
    }

    fn node(&self, uid: Uid) -> Option<NodeFacts> {
        self.1.get(uid).map(|node| NodeFacts::from(&*node))
    }
}

impl From<&Pool> for PoolFacts {
    fn from(pool: &Pool) -> Self {
        Self {
            kind: match pool.spec.pool_type.as_str() {
                "Edge" => PoolType::Edge,
                "Cloud" => PoolType::Cloud,
                _ => PoolType::Unspecified,
            },
            labels: Arc::new(pool.metadata.labels.clone()),
            leaders: pool.status.leaders(),
        }
    }
}

impl From<&Node> for NodeFacts {
    fn from(node: &Node) -> Self {
        Self {
            name: node.name.clone(),
            uid: node.uid,
            pool: node.pool.clone(),
            ready: node.ready,
            since: node.since,
            zone: node.labels.get(ZONE_LABEL).cloned(),
            address: node.address,
        }
    }
}
