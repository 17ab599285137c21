//! What the fleet's nodes look like.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;
use kube::api::ObjectMeta;

/// The label by which a node belongs to a pool, as OpenYurt has it.
pub const POOL_LABEL: &str = "apps.openyurt.io/nodepool";

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
        fake(name, labels)
    }
}

/// A node like `old`, as a new object.
pub(super) fn again(old: &Node) -> Node {
    fake(old.name_any(), old.labels().clone())
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

fn fake(name: String, labels: BTreeMap<String, String>) -> Node {
    // The annotation is for a kwok that was told to manage only nodes that have it.
    let annotations = BTreeMap::from([("kwok.x-k8s.io/node".to_owned(), "fake".to_owned())]);
    let metadata =
        ObjectMeta { name: Some(name), labels: Some(labels), annotations: Some(annotations), ..ObjectMeta::default() };
    Node { metadata, ..Node::default() }
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
    fn names_count_from_one_under_their_prefix() {
        assert_eq!(Fleet::new(2, 1).names(), ["node-001", "node-002"]);
        assert_eq!(Fleet::new(1, 1).prefix("a").names(), ["a-node-001"]);
        assert_eq!(pool_of(&Fleet::new(1, 1).prefix("a").nodes()[0]), Some("a-pool-1"));
    }
}
