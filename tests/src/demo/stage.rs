//! The stage: a cluster with nodes, daemon-updater as a process under its own account, and a DaemonSet on every node that goes
//! by a RolloutStrategy.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use api::names;
use api::rollout_strategy::RolloutStrategy;
use jiff::SignedDuration;
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use planner::strategy::{Amount, Timing};
use serde_json::{Value, json};
use tokio::process::Command;
use xtask::daemonsets::{Daemon, Fixture};
use xtask::nodes::{self, Nodes};
use xtask::releases::NodeKiller;
use xtask::tools::Tools;

use super::run::Run;
use crate::checker::{AuditLog, Observer};
use crate::fixture::{Pace, Testbed, Updater, UpdaterSpec, eventually};

/// Where the DaemonSet is.
pub(super) const NAMESPACE: &str = "edge";
/// The DaemonSet.
pub(super) const DAEMON_SET: &str = "agent";
/// Its strategy.
pub(super) const STRATEGY: &str = "canary-first";
/// The strategy's first wave, and that wave's only pool.
pub(super) const CANARY: &str = "canary";
pub(super) const CANARY_POOL: &str = "pool-1";
/// The strategy's budget, in per cent.
pub(super) const MAX_UNAVAILABLE: u32 = 50;
/// The same as an amount.
pub(super) const BUDGET: Amount = Amount::Percent(MAX_UNAVAILABLE);
/// How long a wave that has succeeded is watched, in seconds.
pub(super) const SOAK: u32 = 2;

/// The annotation by which a template tells kwok how long its pods take to be Ready.
pub(super) const READY_AFTER: &str = "drover.dev/ready-after";
/// How long those of a good release take: enough to be seen.
pub(super) const READY_TIME: SignedDuration = SignedDuration::from_secs(1);

/// A cluster with 60 nodes on two busy cores: far more than it takes.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// Everything that runs. The fields end in this order.
pub(super) struct Stage {
    pub(super) killer: NodeKiller,
    /// What the pictures show, and what each act is judged by.
    pub(super) observer: Observer,
    pub(super) updater: Updater,
    pub(super) daemon: Daemon,
    pub(super) nodes: Nodes,
    pub(super) client: Client,
    pub(super) bed: Testbed,
}

impl Stage {
    /// Sets the stage with `nodes` nodes in `pools` pools, all of which run the DaemonSet's tag v1. `say` hears of each step.
    pub(super) async fn set(nodes: u32, pools: u32, say: &mut impl FnMut(&str)) -> Result<Self> {
        say("building etcd, the Kubernetes control plane and kwok, unless they are in the cache");
        tokio::task::spawn_blocking(Tools::ready).await??;
        say("starting the control plane");
        let bed = Testbed::start(pace()).await?;
        let audit = bed.cluster.audit_log().context("a cluster without an audit log")?;
        let observer = Observer::start(config(bed.cluster.kubeconfig()).await?, AuditLog::new(audit)).await?;
        say("starting daemon-updater under its own service account");
        let updater = bed.updater(UpdaterSpec::default()).await?;
        say(&format!("starting {nodes} nodes in {pools} pools, and DaemonSet {NAMESPACE}/{DAEMON_SET} on each"));
        let client = bed.cluster.client()?;
        let (fleet, wanted) = (Nodes::new(client.clone()), nodes::Fleet::new(nodes, pools));
        tokio::try_join!(bed.cluster.namespace(NAMESPACE), fleet.create(&wanted))?;
        let strategies: Api<RolloutStrategy> = Api::namespaced(client.clone(), NAMESPACE);
        let params = PatchParams::apply("drover-xtask").force();
        strategies.patch(STRATEGY, &params, &Patch::Apply(strategy())).await.context("applying the strategy")?;
        let daemon = daemon_set().apply(&client).await?;
        daemon.await_ready("v1", usize::try_from(nodes)?, READY_WITHIN).await?;
        // Units that have not settled would weigh in the first release's budget.
        eventually("the first pods to settle", READY_WITHIN, async || {
            let run = Run::newest(&client, NAMESPACE).await?;
            Ok(run.filter(|run| run.phase == Phase::Completed))
        })
        .await?;
        let killer = NodeKiller::spawn(client.clone());
        Ok(Self { killer, observer, updater, daemon, nodes: fleet, client, bed })
    }

    /// Approves what waits for it, as a user does; what was answered.
    pub(super) async fn approve(&self) -> Result<String> {
        let program = std::env::current_exe().context("finding this program")?.with_file_name("drover");
        let mut command = Command::new(&program);
        command.args(["approve", DAEMON_SET, "--namespace", NAMESPACE, "--comment", "the canary looks well"]);
        command.arg("--kubeconfig").arg(self.bed.cluster.kubeconfig()).kill_on_drop(true);
        let output = command.output().await.with_context(|| format!("starting {}", program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(output.status.success(), "drover approve: {said} {}", String::from_utf8_lossy(&output.stderr));
        Ok(format!("drover approve {DAEMON_SET} -n {NAMESPACE}: {said}"))
    }
}

/// The command whose view is shown.
pub(super) fn watching() -> String {
    format!("drover status {DAEMON_SET} -n {NAMESPACE} -w")
}

/// How fast the stage's world turns. What depends on the cluster's lease and grace is short, so that nobody waits for what
/// takes a minute elsewhere; everything else is the default.
pub(super) fn pace() -> Pace {
    let mut pace = Pace::faulty();
    pace.timing = Timing {
        reachable_after: SignedDuration::from_secs(2),
        node_monitor_grace: pace.timing.node_monitor_grace,
        loss_window: pace.timing.loss_window,
        // A node that ended is reported up to a second after the grace period, and later on a busy machine: with a second more
        // than that, one that a bad release took does not count as well before it is known to be gone.
        settle_margin: SignedDuration::from_secs(2),
        ..Timing::default()
    };
    pace
}

/// How long a pod must be Ready on a Ready node before its success is believed.
pub(super) fn settle() -> SignedDuration {
    pace().rules().settle(SignedDuration::ZERO)
}

/// What a good release's template tells kwok.
pub(super) fn ready_after() -> String {
    format!("{}s", READY_TIME.as_secs())
}

/// A canary that must please before the others get a release. What is not said here is the default, but for the durations of
/// [`pace`].
fn strategy() -> Value {
    let rules = pace();
    json!({
        "apiVersion": "drover.dev/v1alpha1",
        "kind": "RolloutStrategy",
        "metadata": {"name": STRATEGY},
        "spec": {
            "maxUnavailable": format!("{MAX_UNAVAILABLE}%"),
            "waves": [{
                "name": CANARY,
                "pools": [CANARY_POOL],
                "maxUnavailable": "100%",
                "soakSeconds": SOAK,
                "approval": "AfterWave",
            }],
            "unit": {"progressDeadlineSeconds": rules.progress_deadline.as_secs()},
            "failurePolicy": {"nodeLoss": {"exposureSeconds": rules.exposure.as_secs()}},
            "offline": {"maxUnavailable": "10%"},
        },
    })
}

fn daemon_set() -> Fixture {
    Fixture::new(NAMESPACE, DAEMON_SET)
        .auto(&format!("{MAX_UNAVAILABLE}%"))
        .annotation(names::STRATEGY, STRATEGY)
        // Ready at once: of many pods that are made with a delay at the same time, kwok 0.8.0 forgets one now and then.
        // As agents of nodes do.
        .tolerate_everything()
}

async fn config(kubeconfig: &Path) -> Result<kube::Config> {
    let file = Kubeconfig::read_from(kubeconfig).context("reading the cluster's kubeconfig")?;
    Ok(kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?)
}
