//! The way to a cluster: kubectl's own flags and files.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// Nobody waits longer at a terminal for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The longest silence of a connection: the API server sends something on a watch about every minute.
const SILENCE: Duration = Duration::from_secs(90);

/// Which cluster, and as whom.
#[derive(Args, Debug, Clone, Default)]
pub struct Reach {
    /// Namespace; without it that of the kubeconfig's context.
    #[arg(short, long, help_heading = "Cluster")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig; without it the current one.
    #[arg(long, help_heading = "Cluster")]
    pub context: Option<String>,
    /// Kubeconfig file; without it $KUBECONFIG, ~/.kube/config, then the pod's service account.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// Acts as this user, if you may impersonate.
    #[arg(long = "as", value_name = "USER", help_heading = "Cluster")]
    pub impersonate: Option<String>,
}

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Cluster {
    /// The client, with the user's rights.
    pub client: Client,
    /// The namespace that is meant where none is named.
    pub namespace: String,
}

/// Why a cluster cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// A kubeconfig that was named cannot be used.
    #[error("kubeconfig {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// The default kubeconfig cannot be used.
    #[error("the kubeconfig cannot be used: {0}\n→ check --context and `kubectl config get-contexts`")]
    Default(#[from] KubeconfigError),
    /// There is neither a kubeconfig nor a service account.
    #[error(
        "there is no cluster to talk to: {0}\n→ set KUBECONFIG or use --kubeconfig FILE; `kubectl cluster-info` must work"
    )]
    None(#[source] KubeconfigError),
    /// Credentials or certificates cannot be used.
    #[error("the kubeconfig's credentials or certificates cannot be used: {0}")]
    Credentials(#[source] Box<kube::Error>),
}

impl Reach {
    /// Reads the configuration. Opens no connection yet.
    pub async fn cluster(&self) -> Result<Cluster, ReachError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let mut config = match (&self.kubeconfig, &self.context) {
            (Some(path), _) => {
                let failed = |source| ReachError::File { path: path.clone(), source };
                let file = Kubeconfig::read_from(path).map_err(failed)?;
                Config::from_custom_kubeconfig(file, &options).await.map_err(failed)?
            }
            (None, Some(_)) => Config::from_kubeconfig(&options).await?,
            (None, None) => match Config::from_kubeconfig(&options).await {
                Ok(config) => config,
                Err(error) => Config::incluster().map_err(|_| ReachError::None(error))?,
            },
        };
        config.connect_timeout = Some(CONNECT_WITHIN);
        config.read_timeout = Some(SILENCE);
        if self.impersonate.is_some() {
            config.auth_info.impersonate.clone_from(&self.impersonate);
        }
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| ReachError::Credentials(Box::new(error)))?;
        Ok(Cluster { client, namespace })
    }
}
