//! Strangers at the door of real services, with a real API server that says whose token is whose. What needs no API
//! server is tested with the chassis (`crates/chassis/tests/secured`), rapid resets and clients without TLS 1.3 among
//! it.

mod bound;
mod callers;
mod certificates;
mod secrets;
mod slow;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chassis::peer::Channel;
use proto::admin::v1::admin_service_client::AdminServiceClient;
use proto::admin::v1::{GetInfoRequest, GetInfoResponse};
use tests::fixture::{Pace, Service, ServiceSpec, Testbed, UpdaterSpec, eventually};
use tokio::sync::OnceCell;
use tonic::{Code, Response, Status};
use xtask::paths;

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);

/// What leader-endpoints-controller needs beside what the testbed has.
const NEEDED: [&str; 3] = [
    "deploy/crds/nodepools.apps.openyurt.io.yaml",
    "deploy/leader-endpoints-controller/service-account.yaml",
    "deploy/leader-endpoints-controller/rbac.yaml",
];

/// A cluster with one service of each kind, which log everything that they can.
struct Bed {
    bed: Testbed,
    services: [Service; 2],
}

async fn bed() -> Result<&'static Bed> {
    static BED: OnceCell<Bed> = OnceCell::const_new();
    BED.get_or_try_init(async || {
        let bed = Testbed::start(Pace::calm()).await?;
        for file in NEEDED {
            let manifest = std::fs::read_to_string(paths::workspace().join(file)).with_context(|| file.to_owned())?;
            bed.cluster.apply(&manifest).await?;
        }
        let updater = bed.updater(UpdaterSpec::default().env("DROVER_TELEMETRY__LOG", "trace")).await?;
        let spec = ServiceSpec::new("leader-endpoints-controller").env("DROVER_TELEMETRY__LOG", "trace");
        let leaders = Service::start(&bed.cluster, spec).await?;
        leaders.await_ready().await?;
        Ok(Bed { bed, services: [updater, leaders] })
    })
    .await
}

impl Bed {
    /// The one that is called where any would do.
    fn service(&self) -> &Service {
        &self.services[0]
    }
}

fn client(channel: Channel) -> AdminServiceClient<Channel> {
    AdminServiceClient::new(channel)
}

/// Calls `GetInfo` with this token.
async fn info(service: &Service, token: &str) -> Result<Result<Response<GetInfoResponse>, Status>> {
    let mut admin = client(service.channel(token).await?);
    tokio::time::timeout(LONG, admin.get_info(GetInfoRequest {})).await.context("no answer")
}

/// `GetInfo` with this token is refused in words that hold nothing of it.
async fn is_refused(service: &Service, token: &str, code: Code, words: &str) -> Result<()> {
    let refused =
        info(service, token).await?.err().with_context(|| format!("who should be told {words:?} is let in"))?;
    ensure!(refused.code() == code && refused.message().contains(words), "{words:?}: {refused:?}");
    let quoted = token.split('.').any(|part| part.len() > 8 && format!("{refused:?}").contains(part));
    ensure!(!quoted, "{refused:?} quotes the token");
    Ok(())
}

/// `GetInfo` as who may call it works.
async fn is_served(service: &Service) -> Result<()> {
    info(service, service.admin_token()).await?.context("the administrator is refused")?;
    Ok(())
}

async fn metrics(service: &Service) -> Result<String> {
    service.process.await_http(&service.addresses().await?.admin, "/metrics", LONG).await
}

/// Waits until a metric, given with its labels, is at least that.
async fn await_metric(service: &Service, name: &str, least: f64) -> Result<()> {
    eventually(name, LONG, async || {
        let text = metrics(service).await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        Ok(value.filter(|value| *value >= least).map(drop))
    })
    .await
}
