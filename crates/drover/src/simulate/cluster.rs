//! The fleet of a cluster, as it is now.

use std::collections::BTreeMap;

use planner::fleet::Name;
use sim::trial::{Fleet, Pool};

use crate::commands::Failure;
use crate::reach::Cluster;
use crate::snapshot::{Freshness, nodes, pools};

/// Its pools with their labels and numbers of nodes, and how many per cent of the nodes are not Ready.
pub(super) async fn fleet(cluster: &Cluster) -> Result<(Fleet, u32), Failure> {
    let (nodes, labels) = futures::try_join!(nodes(cluster, Freshness::Cached), pools(cluster, Freshness::Cached))?;
    if nodes.is_empty() {
        return Err("the cluster has no nodes: say with --fleet what the fleet is to be".into());
    }
    let mut by_pool: BTreeMap<&Name, u32> = BTreeMap::new();
    for node in &nodes {
        *by_pool.entry(&node.pool).or_default() += 1;
    }
    let labels_of = |name: &Name| labels.iter().find(|known| known.pool == *name).map(|known| known.labels.clone());
    let pool =
        |(name, nodes): (&Name, u32)| Pool { name: name.clone(), labels: labels_of(name).unwrap_or_default(), nodes };
    let not_ready = nodes.iter().filter(|node| node.link.ready_since().is_none()).count();
    let percent = u32::try_from(not_ready * 100 / nodes.len()).unwrap_or_default();
    Ok((Fleet { pools: by_pool.into_iter().map(pool).collect() }, percent))
}
