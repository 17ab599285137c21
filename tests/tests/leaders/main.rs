//! leader-endpoints-controller on a real cluster: who leads, where it is published, and who else writes there.

mod attributes;
mod crashes;
mod elections;
mod failover;
mod migration;
mod neighbour;
mod outputs;
mod quiet;
mod repair;
mod replicas;
mod rights;
mod role;
mod site;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::checker::{AuditLog, Call};
use tests::fixture::{Service, ServiceSpec};
use tokio::sync::{OnceCell, RwLock};
use xtask::cluster::{Cluster, ClusterSpec};
use xtask::paths;

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);

/// The user that the service is to the API server.
const USER: &str = "system:serviceaccount:drover-system:leader-endpoints-controller";

/// What the service needs of a cluster. Not the policies: here nodes move as they would without them.
const NEEDED: [&str; 4] = [
    "deploy/drover-system/namespace.yaml",
    "deploy/crds/nodepools.apps.openyurt.io.yaml",
    "deploy/leader-endpoints-controller/service-account.yaml",
    "deploy/leader-endpoints-controller/rbac.yaml",
];

/// A cluster on which the service may run.
struct Stage {
    cluster: Cluster,
    audit: Mutex<AuditLog>,
}

/// A cluster on which it does.
struct Bed {
    stage: Stage,
    service: Service,
    /// Held for writing by who stops the service, and for reading by who measures how fast it is.
    stopped: RwLock<()>,
}

/// A cluster with a service that elects, for all scenarios that leave it running. Nobody else writes leaders there.
async fn bed() -> Result<&'static Bed> {
    static BED: OnceCell<Bed> = OnceCell::const_new();
    BED.get_or_try_init(async || {
        let stage = Stage::start().await?;
        let spec = ServiceSpec::new("leader-endpoints-controller").env("DROVER_OUTPUTS__ENDPOINT_SLICE", "true");
        let service = stage.service(spec).await?;
        Ok(Bed { stage, service, stopped: RwLock::new(()) })
    })
    .await
}

impl Stage {
    /// Nodes are the scenarios' own: Kubernetes believes for an hour what they said last.
    async fn start() -> Result<Self> {
        let cluster = Cluster::start(ClusterSpec::new(0, 1).lease(40, 3600)).await?;
        for file in NEEDED {
            let path = paths::workspace().join(file);
            cluster.apply(&std::fs::read_to_string(&path).with_context(|| path.display().to_string())?).await?;
        }
        let audit = AuditLog::new(cluster.audit_log().context("the cluster has no audit log")?);
        Ok(Self { cluster, audit: Mutex::new(audit) })
    }

    /// Starts the service; back when its view is complete.
    async fn service(&self, spec: ServiceSpec) -> Result<Service> {
        let service = Service::start(&self.cluster, spec).await?;
        service.await_ready().await?;
        Ok(service)
    }

    /// The service's writes that concern a pool's objects, until now.
    fn writes(&self, pool: &str) -> Result<Vec<Call>> {
        let output = format!("leader-hub-{pool}");
        let concerns = |name: &str| name == pool || name.starts_with(&format!("{pool}-")) || name.starts_with(&output);
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = audit.read()?.iter();
        Ok(calls.filter(|call| call.user == USER && call.is_write() && concerns(&call.name)).cloned().collect())
    }
}
