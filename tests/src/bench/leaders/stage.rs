//! The cluster: pools of nodes, and everything that the controller needs but itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::node_pool::{NodePool, NodePoolSpec};
use api::rbac::{LEADER_ENDPOINTS_CONTROLLER, NAMESPACE};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use xtask::cluster::{Cluster, ClusterSpec};
use xtask::nodes::Fleet;

use super::NODES_PER_POOL;
use super::ledger::Ledger;
use super::wire::{Collection, Watched};
use crate::checker::AuditLog;

/// kwok renews a lease after a quarter of its length: 5,000 nodes write 8 times a second beside what is measured.
const LEASE_SECONDS: u32 = 2_400;
const GRACE_SECONDS: u32 = 2_500;
/// How many NodePools are made at once.
const PARALLEL: usize = 32;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Manifests under `deploy/`, in this order.
const MANIFESTS: [&str; 5] = [
    "deploy/crds/nodepools.apps.openyurt.io.yaml",
    "deploy/drover-system/namespace.yaml",
    "deploy/leader-endpoints-controller/service-account.yaml",
    "deploy/leader-endpoints-controller/rbac.yaml",
    "deploy/leader-endpoints-controller/policies.yaml",
];

/// A cluster with pools that nobody counts or leads yet.
pub(super) struct Stage {
    /// The cluster.
    pub(super) cluster: Cluster,
    pools: u32,
}

/// The name of a pool, counted from 1, as [`Fleet`] makes them.
pub(super) fn pool_name(pool: u32) -> String {
    format!("pool-{pool}")
}

/// The names of a pool's nodes, as [`Fleet`] makes them.
pub(super) fn node_names(pool: u32) -> Vec<String> {
    let first = (pool - 1) * NODES_PER_POOL + 1;
    (first..first + NODES_PER_POOL).map(|node| format!("node-{node:03}")).collect()
}

impl Stage {
    /// Starts a cluster with so many pools, each with one leader to be.
    pub(super) async fn set(pools: u32) -> Result<Self> {
        let cluster = Cluster::start(ClusterSpec::new(0, 1).lease(LEASE_SECONDS, GRACE_SECONDS)).await?;
        for manifest in MANIFESTS {
            let path = xtask::paths::workspace().join(manifest);
            let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            cluster.apply(&text).await?;
        }
        cluster.nodes()?.create(&Fleet::new(pools * NODES_PER_POOL, pools)).await?;
        let stage = Self { cluster, pools };
        let spec = NodePoolSpec { enable_leader_election: true, inter_connectivity: true, ..NodePoolSpec::default() };
        let api = &stage.node_pools()?;
        let made = (1..=pools).map(|pool| NodePool::new(&pool_name(pool), spec.clone()));
        let made = stream::iter(made).map(async |pool| api.create(&PostParams::default(), &pool).await);
        made.buffer_unordered(PARALLEL).try_collect::<Vec<_>>().await.context("making NodePools")?;
        Ok(stage)
    }

    /// Longer than anything takes with so many pools on a busy machine.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_mins(2) + self.pools * Duration::from_millis(300)
    }

    /// A kubeconfig of the controller's account.
    pub(super) async fn kubeconfig(&self) -> Result<PathBuf> {
        self.cluster.service_account_kubeconfig(NAMESPACE, LEADER_ENDPOINTS_CONTROLLER.account).await
    }

    /// What the audit log tells of the controller.
    pub(super) fn ledger(&self) -> Result<Ledger> {
        let path = self.cluster.audit_log().context("a cluster without an audit log")?;
        Ok(Ledger::new(AuditLog::new(path)))
    }

    /// The leader of each pool.
    pub(super) async fn leaders(&self) -> Result<BTreeMap<String, String>> {
        let pools = self.node_pools()?.list(&ListParams::default()).await.context("listing NodePools")?;
        let leader = |pool: NodePool| {
            let leader = pool.status.as_ref()?.leader_endpoints.first()?.node_name.clone();
            Some((pool.name_any(), leader))
        };
        Ok(pools.into_iter().filter_map(leader).collect())
    }

    /// Waits until the status of each of these pools counts so many nodes that are not Ready.
    pub(super) async fn await_not_ready(&self, pools: &[u32], count: i32) -> Result<()> {
        let (api, deadline) = (self.node_pools()?, Instant::now() + self.patience());
        let names: Vec<String> = pools.iter().map(|pool| pool_name(*pool)).collect();
        loop {
            let all = api.list(&ListParams::default()).await.context("listing NodePools")?;
            let counted = |pool: &NodePool| pool.status.as_ref().is_some_and(|of| of.unready_node_num == count);
            let done = all.iter().filter(|pool| names.contains(&pool.name_any()) && counted(pool)).count();
            if done == names.len() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "only {done} of {} pools count {count} nodes as not Ready", names.len());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Watches as edges of this pool do: its Endpoints, its NodePool, all NodePools.
    pub(super) async fn watch_as_edges(&self, pool: &str) -> Result<[Watched; 3]> {
        let endpoints = Collection {
            path: "/api/v1/namespaces/kube-system/endpoints",
            name: Some(api::names::pool::leader_hub(pool)),
        };
        let node_pools = |name| Collection { path: "/apis/apps.openyurt.io/v1beta2/nodepools", name };
        let client = self.cluster.client()?;
        Ok([
            Watched::begin(&client, endpoints).await?,
            Watched::begin(&client, node_pools(Some(pool.to_owned()))).await?,
            Watched::begin(&client, node_pools(None)).await?,
        ])
    }

    fn node_pools(&self) -> Result<Api<NodePool>> {
        Ok(Api::all(self.cluster.client()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_named_as_the_fleet_names_them() {
        let names: Vec<String> = (1..=300).flat_map(node_names).collect();
        assert_eq!(names, Fleet::new(300 * NODES_PER_POOL, 300).names());
    }
}
