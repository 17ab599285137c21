//! `TopologyService` of a real leader-endpoints-controller, in the hands of grpcurl, of callers who may not, and of real
//! clients whose server dies, hangs and is another.

mod callers;
mod following;
mod grpcurl;
mod link;
mod replicas;
mod streams;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::json;
use tests::fixture::{Pace, Service, ServiceSpec};
use tokio::sync::OnceCell;
use topology::{Follow, Interest, Settings, View};
use xtask::cluster::Cluster;
use xtask::nodes::Fleet;
use xtask::paths;

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);
const CONTROLLER: &str = "leader-endpoints-controller";
const NAMESPACE: &str = "drover-system";
/// An account that sees the whole fleet.
const READER: &str = "drover-admin";

/// What a controller needs that runs as a process: all of `deploy/` but its Deployment.
const NEEDED: [&str; 4] = [
    "deploy/crds/nodepools.apps.openyurt.io.yaml",
    "deploy/drover-system/namespace.yaml",
    "deploy/leader-endpoints-controller/service-account.yaml",
    "deploy/leader-endpoints-controller/rbac.yaml",
];

/// A cluster, and a controller that leads.
struct Bed {
    cluster: Cluster,
    service: Service,
}

/// The one for scenarios that leave it as it is.
async fn bed() -> Result<&'static Bed> {
    static BED: OnceCell<Bed> = OnceCell::const_new();
    BED.get_or_try_init(Bed::start).await
}

impl Bed {
    async fn start() -> Result<Self> {
        let cluster = Cluster::start(Pace::calm().cluster()).await?;
        for file in NEEDED {
            let manifest = std::fs::read_to_string(paths::workspace().join(file)).with_context(|| file.to_owned())?;
            cluster.apply(&manifest).await?;
        }
        let service = controller(&cluster).await?;
        Ok(Self { cluster, service })
    }

    /// A token of this account for Drover's services.
    async fn token(&self, account: &str) -> Result<String> {
        self.cluster.service_account(NAMESPACE, account).await?;
        self.cluster.caller_token(NAMESPACE, account).await
    }

    /// Makes `nodes` nodes in `pools` pools with leaders, all of them Ready: `NAME-pool-1` …
    async fn fleet(&self, name: &str, nodes: u32, pools: u32) -> Result<Fleet> {
        for pool in 1..=pools {
            let pool = json!({
                "apiVersion": "apps.openyurt.io/v1beta2",
                "kind": "NodePool",
                "metadata": {"name": format!("{name}-pool-{pool}"), "labels": {"scene": name}},
                "spec": {"type": "Edge", "interConnectivity": true, "enableLeaderElection": true, "leaderReplicas": 2},
            });
            self.cluster.apply(&pool.to_string()).await?;
        }
        let fleet = Fleet::new(nodes, pools).prefix(name);
        self.cluster.nodes()?.create(&fleet).await?;
        Ok(fleet)
    }
}

/// Starts a controller; back when it is ready. Its watches hear something every 300 ms.
async fn controller(cluster: &Cluster) -> Result<Service> {
    let service =
        Service::start(cluster, ServiceSpec::new(CONTROLLER).env("DROVER_TOPOLOGY__HEARTBEAT", "300ms")).await?;
    service.await_ready().await?;
    Ok(service)
}

/// A client; it follows as long as it lives.
struct Client {
    view: View,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    fn follow(settings: &Settings, interest: Interest) -> Result<Self> {
        let Follow { view, following } = topology::follow(settings, interest)?;
        Ok(Self { view, task: tokio::spawn(following) })
    }

    /// Waits until the view is as wanted, woken by its changes alone.
    async fn until(&self, what: &str, wanted: impl Fn(&View) -> bool) -> Result<()> {
        let (mut changes, deadline) = (self.view.subscribe(), Instant::now() + LONG);
        while !wanted(&self.view) {
            let changed = tokio::time::timeout_at(deadline.into(), changes.changed()).await;
            let changed = changed.with_context(|| format!("waited in vain for {what}: {:?}", self.view.nodes()));
            changed?.context("nothing follows any more")?;
        }
        Ok(())
    }
}
