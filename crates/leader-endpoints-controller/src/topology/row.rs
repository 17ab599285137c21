//! What the feeds hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use chassis::feed::Entry;
use proto::topology::v1::{Node, Pool};

/// A pool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PoolRow(pub(super) Arc<Pool>);

/// A node, with the labels of its pool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NodeRow(pub(super) Arc<(Node, Option<Arc<Labels>>)>);

pub(super) type Labels = BTreeMap<String, String>;

impl NodeRow {
    pub(super) fn node(&self) -> &Node {
        &self.0.0
    }

    /// `None` where it is in no pool, or its pool has no NodePool.
    pub(super) fn pool_labels(&self) -> Option<&Labels> {
        self.0.1.as_deref()
    }
}

impl Entry for PoolRow {
    fn group(&self) -> Option<&str> {
        None
    }

    fn matches_like(&self, older: &Self) -> bool {
        self.0.labels == older.0.labels
    }
}

impl Entry for NodeRow {
    fn group(&self) -> Option<&str> {
        Some(self.node().pool.as_str()).filter(|pool| !pool.is_empty())
    }

    fn matches_like(&self, older: &Self) -> bool {
        self.pool_labels() == older.pool_labels()
    }
}
