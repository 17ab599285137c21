//! Starting a control plane.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use tokio::sync::Mutex;

use super::components::{Component, Flags};
use super::layout::Layout;
use super::{Cluster, ClusterSpec, OwnCluster, audit, kubeconfig, pki};
use crate::nodes::Fleet;
use crate::supervisor::{Supervised, Supervisor, leftovers};
use crate::tools::Tools;
use crate::{paths, ports};

/// A port that was free when looked at may be taken when bound; more than a few such collisions have another cause.
const ATTEMPTS: u32 = 5;
/// 3 s on an idle machine; two cores busy with builds and other clusters need longer.
const API_WITHIN: Duration = Duration::from_mins(2);

pub(super) async fn start(spec: ClusterSpec) -> Result<Cluster> {
    ensure!(spec.grace_seconds * 4 > spec.lease_seconds, "the grace period must exceed a quarter of the lease");
    let tools = tokio::task::spawn_blocking(Tools::ready).await??;
    // Not our stderr: a detached cluster must not hold the terminal's pipes open.
    let supervisor = Supervisor::spawn(Stdio::null())?;
    leftovers::sweep();
    let layout = Layout::of(&spec, &leftovers::name(supervisor.pid()?));
    if !layout.durable {
        layout.owned().into_iter().try_for_each(|dir| supervisor.own(dir))?;
    }
    layout.create()?;
    paths::write(&layout.pki().join("audit-policy.json"), audit::policy())?;

    // A kept cluster keeps it: its users may have copies of the authority.
    if !layout.certificates().join("tls.key").exists() {
        pki::write_server(&layout.certificates(), &pki::Authority::new()?, "drover")?;
    }
    let mut flags = Flags { api_port: 0, lease_seconds: spec.lease_seconds, grace_seconds: spec.grace_seconds };
    let mut running = BTreeMap::new();
    let etcd = supervisor.start(Component::Etcd.program(&tools, &layout, &flags)).await?;
    let mut attempt = 1;
    loop {
        flags.api_port = ports::free()?;
        pki::write(&layout.pki(), &layout.kubeconfig(), &flags.server())?;
        match api_server(&supervisor, &etcd, &tools, &layout, &flags).await {
            Ok(process) => {
                running.insert(Component::ApiServer, process);
                break;
            }
            Err(error) if attempt == ATTEMPTS || etcd.exit().is_some() => return Err(error),
            Err(_) => attempt += 1,
        }
    }
    running.insert(Component::Etcd, etcd);
    for component in [Component::ControllerManager, Component::Scheduler, Component::Kwok] {
        running.insert(component, supervisor.start(component.program(&tools, &layout, &flags)).await?);
    }
    let own = OwnCluster { layout, tools, flags, running: Mutex::new(running), supervisor };
    let cluster = Cluster::of_ours(own).await?;
    cluster.nodes()?.create(&Fleet::new(spec.nodes, spec.pools)).await?;
    await_default_account(&cluster.client()?).await?;
    Ok(cluster)
}

/// Starts the API server and waits until it is ready. An error when it ends instead, which is mostly for a port that
/// somebody else took. Nobody else's server can be mistaken for it: only ours has a certificate of our authority.
async fn api_server(
    supervisor: &Supervisor,
    etcd: &Supervised,
    tools: &Tools,
    layout: &Layout,
    flags: &Flags,
) -> Result<Supervised> {
    let process = supervisor.start(Component::ApiServer.program(tools, layout, flags)).await?;
    let client = kube::Client::try_from(kubeconfig::load(&layout.kubeconfig()).await?)?;
    tokio::select! {
        ready = await_api(&client) => ready.map(|()| process),
        exit = process.wait() => bail!("the API server ended with {exit}:\n{}", tail(&Component::ApiServer.log(layout))),
        exit = etcd.wait() => bail!("etcd ended with {exit}:\n{}", tail(&Component::Etcd.log(layout))),
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// Waits until the API server says that it is ready.
pub(super) async fn await_api(client: &kube::Client) -> Result<()> {
    let deadline = Instant::now() + API_WITHIN;
    loop {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        let answer = client.request_text(request).await;
        match answer {
            Ok(text) if text == "ok" => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(error).with_context(|| format!("the API server is not ready after {API_WITHIN:?}"));
            }
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    }
}

/// Pods are refused until their namespace has its default account.
async fn await_default_account(client: &kube::Client) -> Result<()> {
    super::access::await_account(&Api::<ServiceAccount>::default_namespaced(client.clone()), "default").await
}
