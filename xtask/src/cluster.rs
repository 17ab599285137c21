//! A real Kubernetes control plane on loopback ports: etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
//! and kwok for the nodes. Several run side by side; none outlives its owner unless detached.

mod access;
mod audit;
mod components;
mod kubeconfig;
mod layout;
mod pki;
mod signing;
mod spec;
mod start;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio::sync::Mutex;

pub use self::components::Component;
use self::components::Flags;
use self::layout::Layout;
pub use self::pki::{Authority, Identity, LOCAL_HOSTS, write_server};
pub use self::spec::ClusterSpec;
pub(crate) use self::spec::Place;
use crate::named::NamedCluster;
use crate::nodes::Nodes;
use crate::supervisor::{Supervised, Supervisor};
use crate::tools::Tools;

/// A cluster: one that [`Cluster::start`] made, or one that somebody else runs.
pub struct Cluster {
    config: kube::Config,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    audit_log: Option<PathBuf>,
    logs: Option<PathBuf>,
    own: Option<OwnCluster>,
}

/// What there is more to a cluster of ours. Dropping it ends it.
struct OwnCluster {
    layout: Layout,
    tools: Tools,
    flags: Flags,
    running: Mutex<BTreeMap<Component, Supervised>>,
    supervisor: Supervisor,
}

impl Cluster {
    /// Starts a control plane (about 3 s), then the nodes of `spec`, and waits until they are Ready.
    pub async fn start(spec: ClusterSpec) -> Result<Self> {
        start::start(spec).await
    }

    /// A cluster that is not ours, by its kubeconfig file; `kubectl` is the one in PATH. Its nodes must be kwok's, run
    /// with the stages of `deploy/local/kwok-stages.yaml` and
    /// `--manage-nodes-with-label-selector=drover.dev/offline!=true`.
    pub async fn connect(kubeconfig: impl AsRef<Path>) -> Result<Self> {
        let path = kubeconfig.as_ref();
        let path = path.canonicalize().with_context(|| format!("finding the kubeconfig {}", path.display()))?;
        let config = kubeconfig::load(&path).await?;
        Ok(Self { config, kubeconfig: path, kubectl: "kubectl".into(), audit_log: None, logs: None, own: None })
    }

    async fn of_ours(own: OwnCluster) -> Result<Self> {
        let kubeconfig = own.layout.kubeconfig();
        Ok(Self {
            config: kubeconfig::load(&kubeconfig).await?,
            kubeconfig,
            kubectl: own.tools.kubectl.clone(),
            audit_log: Some(own.layout.audit_log()),
            logs: Some(own.layout.logs()),
            own: Some(own),
        })
    }

    /// With what is known of a cluster of ours that was detached.
    pub(crate) fn with_files(mut self, named: &NamedCluster) -> Self {
        self.kubectl = named.tools.join("kubectl");
        self.audit_log.clone_from(&named.audit_log);
        self.logs.clone_from(&named.logs);
        self
    }

    /// A new client of the cluster's administrator. It belongs to the runtime that calls this.
    pub fn client(&self) -> Result<kube::Client> {
        kube::Client::try_from(self.config.clone()).context("making a Kubernetes client")
    }

    /// The administrator's kubeconfig file.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The API server's audit log, one JSON event a line, written before the response is. `None` for a cluster that is
    /// not ours. See `cluster/audit.rs` for what is in it.
    pub fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    /// The directory with the logs of the control plane's processes. `None` for a cluster that is not ours.
    pub fn logs(&self) -> Option<&Path> {
        self.logs.as_deref()
    }

    /// A directory that ends with the cluster; of one that is not ours, with this process.
    pub fn scratch(&self) -> Result<PathBuf> {
        match &self.own {
            Some(own) => Ok(own.layout.scratch()),
            None => Supervisor::shared()?.scratch(),
        }
    }

    /// The directory with a certificate by which services on this host can serve gRPC (`tls.crt`, `tls.key`) and the
    /// authority that signed it (`ca.crt`). `None` for a cluster that is not ours.
    pub fn certificates(&self) -> Option<PathBuf> {
        self.own.as_ref().map(|own| own.layout.certificates())
    }

    /// The fleet's nodes.
    pub fn nodes(&self) -> Result<Nodes> {
        Ok(Nodes::new(self.client()?))
    }

    /// Kills one process of the control plane with SIGKILL.
    pub async fn kill(&self, component: Component) -> Result<()> {
        let own = self.own()?;
        if let Some(process) = own.running.lock().await.remove(&component) {
            process.signal(nix::sys::signal::Signal::SIGKILL)?;
            process.wait().await;
        }
        Ok(())
    }

    /// Starts a killed process of the control plane again, on its old port, and waits until it answers.
    pub async fn restart(&self, component: Component) -> Result<()> {
        self.kill(component).await?;
        let own = self.own()?;
        let process = own.supervisor.start(component.program(&own.tools, &own.layout, &own.flags)).await?;
        own.running.lock().await.insert(component, process);
        if component == Component::ApiServer {
            start::await_api(&self.client()?).await?;
        }
        Ok(())
    }

    /// Stops (SIGSTOP) one process of the control plane: it answers nobody, and its connections stay open.
    pub async fn pause(&self, component: Component) -> Result<()> {
        self.signal(component, nix::sys::signal::Signal::SIGSTOP).await
    }

    /// Lets a paused process go on.
    pub async fn resume(&self, component: Component) -> Result<()> {
        self.signal(component, nix::sys::signal::Signal::SIGCONT).await
    }

    /// What the cluster's processes depend on: detached, it lets the cluster live on without this process.
    pub(crate) fn supervisor(&self) -> Result<&Supervisor> {
        self.own().map(|own| &own.supervisor)
    }

    async fn signal(&self, component: Component, signal: nix::sys::signal::Signal) -> Result<()> {
        let own = self.own()?;
        own.running.lock().await.get(&component).with_context(|| format!("{component:?} does not run"))?.signal(signal)
    }

    fn own(&self) -> Result<&OwnCluster> {
        self.own.as_ref().context("this cluster was given by its kubeconfig; only one started here can do this")
    }
}
