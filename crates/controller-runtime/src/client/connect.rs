//! Builds the client stack from a kubeconfig or the pod's service account.

use super::{
    calls::ApiCalls,
    deadline::Deadlines,
    faults::{FaultError, Faults},
};
use http::HeaderValue;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Client, Config,
    client::ConfigExt,
    config::{InClusterError, InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use std::{path::PathBuf, time::Duration};
use tower::{BoxError, ServiceBuilder, util::option_layer};

/// Idle connections kept for reuse. HTTP/1.1 needs one per call in flight, and a new one costs a TLS handshake, about as
/// much as the call itself; so callers bound their writes in flight to about this many. Each keeps some 40 KB.
const IDLE_CONNECTIONS: usize = 16;

/// Idle connections are closed before a load balancer's usual minute would cut them silently.
const IDLE_FOR: Duration = Duration::from_secs(50);

/// Largest read buffer of one connection, in bytes. hyper would grow to 400 KB; a TLS record brings at most 16 KB.
const MAX_READ_BUFFER: usize = 64 * 1024;

/// How to reach the API server and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Kubeconfig file; without it `$KUBECONFIG`, `~/.kube/config`, then the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; without it the current one.
    pub context: Option<String>,
    /// Longest wait for a TCP connection.
    pub connect_timeout: Duration,
    /// Longest time for a read, and for a watch to begin.
    pub read_timeout: Duration,
    /// Longest time for a write, its answer included. A new leader waits this out before it acts,
    /// so it bounds how long two leaders' writes can overlap.
    pub write_timeout: Duration,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a service account was found.
    #[error("no kubeconfig and no service account")]
    Infer(#[source] InferConfigError),
    /// The service account of the pod is incomplete.
    #[error("the pod's service account cannot be used")]
    InCluster(#[source] InClusterError),
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {}", path.as_deref().map_or("(default)".into(), |path| path.display().to_string()))]
    Kubeconfig {
        /// The file, if one was named.
        path: Option<PathBuf>,
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// Credentials or certificates cannot be used.
    #[error("credentials or certificates for the API server")]
    Credentials(#[source] Box<kube::Error>),
    /// The kubeconfig asks for a proxy.
    #[error("a proxy to the API server is not supported")]
    Proxy,
    /// The service's name or version cannot be sent in a header.
    #[error("user agent {0:?} cannot be sent")]
    UserAgent(String),
    /// The fault-injection variable is set and wrong.
    #[error(transparent)]
    Faults(#[from] FaultError),
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// Connects as `drover-{service}/{version}`, counting into `calls`. Opens no connection yet.
/// Must run inside a tokio runtime.
pub async fn connect(
    service: &str,
    version: &str,
    settings: &ClientSettings,
    calls: &ApiCalls,
) -> Result<Client, ConnectError> {
    let config = configuration(settings).await?;
    let faults = Faults::from_environment()?;
    build(config, service, version, settings, calls, faults)
}

fn build(
    mut config: Config,
    service: &str,
    version: &str,
    settings: &ClientSettings,
    calls: &ApiCalls,
    faults: Faults,
) -> Result<Client, ConnectError> {
    if config.proxy_url.is_some() {
        return Err(ConnectError::Proxy);
    }
    let user_agent = format!("drover-{service}/{version}");
    let value = HeaderValue::from_str(&user_agent).map_err(|_| ConnectError::UserAgent(user_agent))?;
    config.headers.push((http::header::USER_AGENT, value));

    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(settings.connect_timeout));
    let tls = config.rustls_https_connector_with_connector(tcp).map_err(credentials)?;
    let http = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_FOR)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .http1_max_buf_size(MAX_READ_BUFFER)
        .build(tls);
    let deadlines = Deadlines { read: settings.read_timeout, write: settings.write_timeout };
    let stack = ServiceBuilder::new()
        .layer(calls.clone())
        .layer(deadlines)
        .layer(faults)
        .layer(config.base_uri_layer())
        .layer(option_layer(config.auth_layer().map_err(credentials)?))
        .layer(config.extra_headers_layer().map_err(credentials)?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(stack, config.default_namespace.clone()))
}

async fn configuration(settings: &ClientSettings) -> Result<Config, ConnectError> {
    let options = KubeConfigOptions { context: settings.context.clone(), cluster: None, user: None };
    let broken = |source| ConnectError::Kubeconfig { path: settings.kubeconfig.clone(), source };
    match &settings.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(broken)?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(broken)
        }
        None if settings.context.is_some() => Config::from_kubeconfig(&options).await.map_err(broken),
        None if std::env::var_os("KUBECONFIG").is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() => {
            Config::incluster().map_err(ConnectError::InCluster)
        }
        None => Config::infer().await.map_err(ConnectError::Infer),
    }
}

fn credentials(error: kube::Error) -> ConnectError {
    ConnectError::Credentials(Box::new(error))
}
