//! A fleet in outline: its pools, their labels, and how many nodes each has.

use planner::fleet::Name;
use planner::strategy::PoolLabels;

/// A fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    /// In this order their nodes are made.
    pub pools: Vec<Pool>,
}

/// A pool of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name; empty for nodes without one.
    pub name: Name,
    /// The labels of its NodePool.
    pub labels: Vec<(Name, Name)>,
    /// So many nodes.
    pub nodes: u32,
}

impl Fleet {
    /// So many nodes in so many pools (`pool-000`, `pool-001` and so on, without labels), as evenly as can be. No pools are
    /// taken for one.
    pub fn even(nodes: u32, pools: u32) -> Self {
        let pools = pools.max(1);
        let pool = |nth: u32| Pool {
            name: format!("pool-{nth:03}").into(),
            labels: Vec::new(),
            nodes: nodes / pools + u32::from(nth < nodes % pools),
        };
        Self { pools: (0..pools).map(pool).collect() }
    }

    /// All nodes of it.
    pub fn size(&self) -> u32 {
        self.pools.iter().map(|pool| pool.nodes).sum()
    }

    /// The labels of its pools.
    pub(super) fn labels(&self) -> Vec<PoolLabels> {
        let of = |pool: &Pool| PoolLabels { pool: pool.name.clone(), labels: pool.labels.clone() };
        self.pools.iter().map(of).collect()
    }

    /// Node names and their pools; in order of name, so that an outage of the first takes whole pools.
    pub(super) fn nodes(&self) -> Vec<(Name, Name)> {
        let names = |(nth, pool): (usize, &Pool)| {
            let name = pool.name.clone();
            (0..pool.nodes).map(move |node| (format!("n{nth:05}-{node:06}").into(), name.clone())).collect::<Vec<_>>()
        };
        self.pools.iter().enumerate().flat_map(names).collect()
    }
}
