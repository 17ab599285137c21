//! The stage: a cluster, daemon-updater as a process under its own account, and a DaemonSet on every node.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use api::rbac::DAEMON_UPDATER;
use jiff::SignedDuration;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use planner::strategy::{Amount, Timing};
use serde::Deserialize;
use xtask::cluster::{Cluster, ClusterSpec};
use xtask::daemonsets::{Daemon, Fixture};
use xtask::nodes::Nodes;
use xtask::process::{Process, Spec};
use xtask::releases::NodeKiller;
use xtask::tools::Tools;

use crate::checker::{AuditLog, Observer};

/// Where the DaemonSet is.
pub(super) const NAMESPACE: &str = "edge";
/// The DaemonSet.
pub(super) const DAEMON_SET: &str = "agent";
/// Its max-unavailable.
pub(super) const BUDGET: Amount = Amount::Percent(25);

/// A node's lease, in seconds.
pub(super) const LEASE: u32 = 4;
/// How long the controller-manager believes a silent node, in seconds.
pub(super) const GRACE: u32 = 4;
/// From a pod's start until it is Ready, as its template asks of kwok: long enough to be seen.
pub(super) const READY_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// A cluster with 60 nodes and two busy cores: far more than it takes.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// Everything that runs. The fields end in this order.
pub(super) struct Stage {
    pub(super) killer: NodeKiller,
    pub(super) observer: Observer,
    pub(super) updater: Updater,
    pub(super) daemon: Daemon,
    pub(super) nodes: Nodes,
    pub(super) client: Client,
    pub(super) cluster: Cluster,
}

/// daemon-updater.
pub(super) struct Updater {
    /// Ends with this.
    pub(super) process: Process,
    pub(super) addresses: Addresses,
}

/// Where it listens: the content of its `--addresses-file`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Addresses {
    pub(super) admin: String,
    pub(super) grpc: String,
}

/// The durations of the updater: those that depend on the cluster's lease and grace, and how long a returning node must be
/// there, are short, so that nobody must wait for what takes a minute elsewhere. The others are the defaults.
pub(super) fn timing() -> Timing {
    Timing {
        reachable_after: SignedDuration::from_secs(2),
        node_monitor_grace: SignedDuration::from_secs(i64::from(GRACE)),
        settle_margin: SignedDuration::from_secs(1),
        ..Timing::default()
    }
}

/// How long a pod must be Ready on a Ready node before its success is believed.
pub(super) fn settle() -> SignedDuration {
    timing().node_monitor_grace + timing().settle_margin
}

impl Stage {
    /// Sets the stage with `nodes` nodes in `pools` pools, all of which run the DaemonSet's tag v1. `say` hears of each step.
    pub(super) async fn set(nodes: u32, pools: u32, say: &mut impl FnMut(&str)) -> Result<Self> {
        say("building etcd, the Kubernetes control plane and kwok, unless they are in the cache");
        tokio::task::spawn_blocking(Tools::ready).await??;
        say(&format!("starting a control plane with {nodes} nodes in {pools} pools"));
        let cluster = Cluster::start(ClusterSpec::new(nodes, pools).lease(LEASE, GRACE)).await?;
        let client = cluster.client()?;
        let audit = cluster.audit_log().context("a cluster without an audit log")?;
        let observer = Observer::start(config(cluster.kubeconfig()).await?, AuditLog::new(audit)).await?;
        say("starting daemon-updater under its own service account");
        install(&cluster).await?;
        let updater = Updater::start(&cluster).await?;
        say(&format!("starting DaemonSet {NAMESPACE}/{DAEMON_SET} on every node"));
        cluster.namespace(NAMESPACE).await?;
        let daemon = daemon_set(&client).await?;
        daemon.await_ready("v1", usize::try_from(nodes)?, READY_WITHIN).await?;
        let killer = NodeKiller::spawn(client.clone());
        Ok(Self { killer, observer, updater, daemon, nodes: cluster.nodes()?, client, cluster })
    }
}

impl Updater {
    async fn start(cluster: &Cluster) -> Result<Self> {
        let account = cluster.service_account_kubeconfig(api::rbac::NAMESPACE, DAEMON_UPDATER.account).await?;
        let addresses = cluster.scratch()?.join("daemon-updater.addresses");
        let Timing { reachable_after, node_monitor_grace, settle_margin, .. } = timing();
        let milliseconds = |duration: SignedDuration| format!("{}ms", duration.as_millis());
        let process = Spec::service("daemon-updater")?
            .flag("kubeconfig", account.display())
            .flag("addresses-file", addresses.display())
            .env("DROVER_ADMIN__LISTEN", "127.0.0.1:0")
            .env("DROVER_GRPC__LISTEN", "127.0.0.1:0")
            .env("DROVER_TIMING__REACHABLE_AFTER", milliseconds(reachable_after))
            .env("DROVER_TIMING__NODE_MONITOR_GRACE", milliseconds(node_monitor_grace))
            .env("DROVER_TIMING__SETTLE_MARGIN", milliseconds(settle_margin))
            .log(cluster.scratch()?.join("daemon-updater.log"))
            .start()
            .await?;
        let addresses = await_addresses(&process, &addresses).await?;
        process.await_http(&addresses.admin, "/readyz", READY_WITHIN).await?;
        Ok(Self { process, addresses })
    }
}

/// What a user installs before the service: its kind, its account and its rights.
async fn install(cluster: &Cluster) -> Result<()> {
    cluster.namespace(api::rbac::NAMESPACE).await?;
    let account = serde_json::json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"namespace": api::rbac::NAMESPACE, "name": DAEMON_UPDATER.account},
    });
    cluster.apply(&account.to_string()).await?;
    for (_, manifests) in api::generated::files().context("generating manifests")? {
        cluster.apply(&manifests).await?;
    }
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).await.map(drop)
}

async fn daemon_set(client: &Client) -> Result<Daemon> {
    let Amount::Percent(percent) = BUDGET else { anyhow::bail!("the budget is no percentage") };
    Fixture::new(NAMESPACE, DAEMON_SET)
        .auto(&format!("{percent}%"))
        .template_annotation("drover.dev/ready-after", &format!("{}s", READY_AFTER.as_secs()))
        // As agents of nodes do.
        .tolerate_everything()
        .apply(client)
        .await
}

async fn await_addresses(process: &Process, file: &Path) -> Result<Addresses> {
    let deadline = tokio::time::Instant::now() + READY_WITHIN;
    loop {
        if let Ok(text) = std::fs::read(file) {
            return serde_json::from_slice(&text).context("reading where daemon-updater listens");
        }
        let ended = process.exit();
        anyhow::ensure!(ended.is_none(), "daemon-updater ended:\n{}", process.output());
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "daemon-updater does not listen:\n{}", process.output());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn config(kubeconfig: &Path) -> Result<kube::Config> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    Ok(kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?)
}
