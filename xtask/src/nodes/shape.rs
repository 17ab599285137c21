//! What the fleet's nodes look like.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, NodeAddress, NodeStatus};
use kube::ResourceExt as _;
use kube::api::ObjectMeta;

/// The label by which a node belongs to a pool, as OpenYurt has it.
pub const POOL_LABEL: &str = "apps.openyurt.io/nodepool";

/// The kind of address at which a node is reached inside its network.
const INTERNAL_IP: &str = "InternalIP";

/// A set of nodes to make: `node-001` … in `pool-1` …, each pool a run of neighbours, sizes equal to within one.
#[derive(Clone, Debug)]
pub struct Fleet {
    nodes: u32,
    pools: u32,
    prefix: String,
    labels: BTreeMap<String, String>,
}

impl Fleet {
    /// `nodes` nodes in `pools` pools.
    pub fn new(nodes: u32, pools: u32) -> Self {
        Self { nodes, pools: pools.max(1), prefix: String::new(), labels: BTreeMap::new() }
    }

    /// Puts `prefix` and a dash before the names of nodes and pools, so that several fleets can be in one cluster.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = format!("{prefix}-");
        self
    }

    /// Gives every node a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The names of the nodes, in order.
    pub fn names(&self) -> Vec<String> {
        (0..self.nodes).map(|index| self.name(index)).collect()
    }

    pub(super) fn nodes(&self) -> Vec<Node> {
        (0..self.nodes).map(|index| self.node(index)).collect()
    }

    fn name(&self, index: u32) -> String {
        format!("{}node-{:03}", self.prefix, index + 1)
    }

    fn node(&self, index: u32) -> Node {
        let name = self.name(index);
        let pool = u64::from(index) * u64::from(self.pools) / u64::from(self.nodes) + 1;
        let mut labels = self.labels.clone();
        labels.extend([
            (POOL_LABEL.to_owned(), format!("{}pool-{pool}", self.prefix)),
            ("kubernetes.io/hostname".to_owned(), name.clone()),
            ("kubernetes.io/os".to_owned(), "linux".to_owned()),
            ("kubernetes.io/arch".to_owned(), "amd64".to_owned()),
        ]);
        fake(name, labels, self.address(index))
    }

    /// An address that no other node of this fleet has, nor most likely one of another; no pod has one of these.
    fn address(&self, index: u32) -> String {
        let [high, low] = u16::try_from(index % 0x1_0000).unwrap_or_default().to_be_bytes();
        let prefix = self.prefix.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        format!("10.{}.{high}.{low}", 128 | prefix)
    }
}

/// A node like `old`, as a new object.
pub(super) fn again(old: &Node) -> Node {
    let addresses = old.status.iter().flat_map(|status| status.addresses.iter().flatten());
    let address = addresses.into_iter().find(|address| address.type_ == INTERNAL_IP);
    fake(old.name_any(), old.labels().clone(), address.map(|address| address.address.clone()).unwrap_or_default())
}

/// Whether the node's Ready condition is True.
pub fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The pool that the node's label names.
pub fn pool_of(node: &Node) -> Option<&str> {
    node.labels().get(POOL_LABEL).map(String::as_str)
}

fn fake(name: String, labels: BTreeMap<String, String>, address: String) -> Node {
    // The annotation is for a kwok that was told to manage only nodes that have it.
    let annotations = BTreeMap::from([("kwok.x-k8s.io/node".to_owned(), "fake".to_owned())]);
    // kwok keeps the addresses that it finds, and knows of no other.
    let addresses = [(INTERNAL_IP, address), ("Hostname", name.clone())];
    let addresses = addresses.map(|(kind, address)| NodeAddress { type_: kind.to_owned(), address });
    let status = NodeStatus { addresses: Some(addresses.into()), ..NodeStatus::default() };
    let metadata =
        ObjectMeta { name: Some(name), labels: Some(labels), annotations: Some(annotations), ..ObjectMeta::default() };
    Node { metadata, status: Some(status), ..Node::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(nodes: u32, pools: u32) -> Vec<usize> {
        let mut sizes = BTreeMap::new();
        for node in Fleet::new(nodes, pools).nodes() {
            *sizes.entry(pool_of(&node).unwrap().to_owned()).or_default() += 1;
        }
        sizes.into_values().collect()
    }

    #[test]
    fn pools_are_of_equal_size_to_within_one() {
        assert_eq!(sizes(60, 6), [10; 6]);
        assert_eq!(sizes(7, 3), [3, 2, 2]);
        assert_eq!(sizes(3, 0), [3]);
    }

    #[test]
    fn every_node_has_an_address_of_its_own() {
        let address = |node: &Node| node.status.clone().unwrap().addresses.unwrap()[0].address.clone();
        let addresses: std::collections::BTreeSet<_> = Fleet::new(600, 1).nodes().iter().map(address).collect();
        assert_eq!(addresses.len(), 600);
        assert!(addresses.contains("10.128.0.0") && addresses.contains("10.128.2.87"), "{addresses:?}");
        let other = &Fleet::new(1, 1).prefix("a").nodes()[0];
        assert!(!addresses.contains(&address(other)));
        assert_eq!(address(&again(other)), address(other));
    }

    #[test]
    fn names_count_from_one_under_their_prefix() {
        assert_eq!(Fleet::new(2, 1).names(), ["node-001", "node-002"]);
        assert_eq!(Fleet::new(1, 1).prefix("a").names(), ["a-node-001"]);
        assert_eq!(pool_of(&Fleet::new(1, 1).prefix("a").nodes()[0]), Some("a-pool-1"));
    }
}
