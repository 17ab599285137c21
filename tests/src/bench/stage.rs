//! Where contenders perform: a cluster of its own for each fleet size, with one DaemonSet on all of its nodes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::{FleetRollout, Phase};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::Api;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use planner::strategy::Amount;
use serde_json::json;
use xtask::cluster::{Cluster, ClusterSpec};
use xtask::daemonsets::{Daemon, Fixture};

use crate::checker::{AuditLog, Observer};

/// The DaemonSet's namespace, and that of the accounts of the contenders that are not daemon-updater.
pub(super) const NAMESPACE: &str = "bench";

/// Of a hundred pods so many may be down at once.
const MAX_UNAVAILABLE: u32 = 10;

/// kwok renews a lease after a quarter of its length: 1,000 nodes write 13 times a second beside what is measured.
const LEASE_SECONDS: u32 = 300;
const GRACE_SECONDS: u32 = 360;
/// Nodes of one pool.
const NODES_PER_POOL: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What the control plane does in milliseconds when it is idle.
const SOON: Duration = Duration::from_mins(1);

/// Manifests under `deploy/` that daemon-updater needs, in this order.
const MANIFESTS: [&str; 6] = [
    "deploy/crds/approvalrequests.drover.dev.yaml",
    "deploy/crds/fleetrollouts.drover.dev.yaml",
    "deploy/crds/rolloutstrategies.drover.dev.yaml",
    "deploy/drover-system/namespace.yaml",
    "deploy/daemon-updater/service-account.yaml",
    "deploy/daemon-updater/rbac.yaml",
];

/// A cluster with a DaemonSet, all of whose pods are Ready.
pub(super) struct Stage {
    /// The cluster.
    pub(super) cluster: Cluster,
    /// The DaemonSet.
    pub(super) daemon: Daemon,
    /// How many nodes and pods there are.
    pub(super) nodes: u32,
    releases: u32,
}

impl Stage {
    /// Starts a cluster of this many nodes.
    pub(super) async fn set(nodes: u32) -> Result<Self> {
        let spec = ClusterSpec::new(nodes, nodes.div_ceil(NODES_PER_POOL)).lease(LEASE_SECONDS, GRACE_SECONDS);
        let cluster = Cluster::start(spec).await?;
        for manifest in MANIFESTS {
            let path = xtask::paths::workspace().join(manifest);
            let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            cluster.apply(&text).await?;
        }
        cluster.namespace(NAMESPACE).await?;
        cluster.apply(&accounts()).await?;
        let fixture = Fixture::new(NAMESPACE, "agent").auto(&format!("{MAX_UNAVAILABLE}%"));
        let daemon = fixture.apply(&cluster.client()?).await?;
        let stage = Self { cluster, daemon, nodes, releases: 1 };
        stage.daemon.await_ready("v1", usize::try_from(nodes)?, stage.patience()).await?;
        Ok(stage)
    }

    /// How many pods may be down at once.
    pub(super) fn slots(&self) -> u32 {
        Amount::Percent(MAX_UNAVAILABLE).allowed(self.nodes)
    }

    /// Longer than any rollout of this fleet on a busy machine.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_mins(2) + self.nodes * Duration::from_millis(300)
    }

    /// A kubeconfig of a contender's account.
    pub(super) async fn kubeconfig(&self, namespace: &str, account: &str) -> Result<PathBuf> {
        self.cluster.service_account_kubeconfig(namespace, account).await
    }

    /// Watches the cluster from now on.
    pub(super) async fn observe(&self) -> Result<Observer> {
        let file = Kubeconfig::read_from(self.cluster.kubeconfig())?;
        let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        let audit = self.cluster.audit_log().context("a cluster without an audit log")?;
        Observer::start(config, AuditLog::new(audit)).await
    }

    /// Releases another version.
    pub(super) async fn release(&mut self) -> Result<()> {
        self.releases += 1;
        self.daemon.release(&format!("v{}", self.releases)).await
    }

    /// Waits until the DaemonSet controller makes pods of the version that was released last.
    pub(super) async fn await_observed(&self) -> Result<()> {
        let deadline = Instant::now() + SOON;
        loop {
            let set = self.daemon.get().await?;
            let observed = set.status.and_then(|status| status.observed_generation);
            if observed == set.metadata.generation {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the DaemonSet controller is not there");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until daemon-updater has found that there is nothing to do.
    pub(super) async fn await_completed(&self) -> Result<()> {
        let client = self.cluster.client()?;
        let revisions: Api<ControllerRevision> = Api::namespaced(client.clone(), NAMESPACE);
        let runs: Api<FleetRollout> = Api::namespaced(client, NAMESPACE);
        let newest = revisions.list(&ListParams::default()).await?.items.iter().map(|revision| revision.revision).max();
        let deadline = Instant::now() + SOON;
        loop {
            let all = runs.list(&ListParams::default()).await?.items;
            let run = all.iter().find(|run| Some(run.spec.revision.number) == newest);
            let phase = run.and_then(|run| Some(run.status.as_ref()?.phase));
            if phase == Some(Phase::Completed) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "daemon-updater's run is {phase:?} when nothing is to be done");
            tokio::time::sleep(LOOK_EVERY * 10).await;
        }
    }
}

/// The accounts `ideal` and `null`.
fn accounts() -> String {
    let account = |name: &str| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": NAMESPACE, "name": name}});
    let subject = |name: &str| json!({"kind": "ServiceAccount", "namespace": NAMESPACE, "name": name});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "drover-bench"},
        "rules": [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch", "delete"]},
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch"]},
            {"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["list", "watch"]},
        ],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "drover-bench"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "drover-bench"},
        "subjects": [subject("ideal"), subject("null")],
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [account("ideal"), account("null"), role, binding]}).to_string()
}
