//! The life of a process: bind, run, drain, release, end.

mod addresses;
mod shutdown;
mod signals;
mod tasks;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::response::IntoResponse;
use http::Request;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

pub use addresses::{Addresses, AddressesError};
pub use shutdown::Shutdown;
pub(crate) use tasks::causes;
pub use tasks::{TaskEnd, Tasks};

use crate::access::{Allow, KnowsNobody, Reviewer, Table};
use crate::config::{Loaded, ServiceConfig};
use crate::grpc::{CallRate, CertificateError, Certificates, Services, Terms, admin};
use crate::standing::Standing;
use crate::telemetry::LogControl;
use crate::workers::Workers;
use crate::{Metrics, Readiness, http as admin_http};
use shutdown::Release;
use signals::Signals;
use tasks::Ended;

/// A process whose listeners are bound and that shows its state, but does no work yet.
///
/// A service registers its metrics and conditions, adds its tasks, gRPC services and what else it
/// has, and calls [`Process::run`].
pub struct Process {
    addresses: Addresses,
    readiness: Readiness,
    metrics: Metrics,
    tasks: Tasks,
    ended: tokio::sync::mpsc::UnboundedReceiver<Ended>,
    shutdown: Shutdown,
    releases: Vec<Release>,
    services: Services,
    admin: admin::Admin,
    http: HttpServer,
    grpc: TcpListener,
    terms: Terms,
    grace: Duration,
}

/// Why a process did not start, or did not end as it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A listener cannot be had.
    #[error("listening on {address} for {purpose}")]
    Listen {
        /// What the listener is for.
        purpose: &'static str,
        /// Where it should listen.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The addresses cannot be made known.
    #[error(transparent)]
    Addresses(#[from] AddressesError),
    /// The certificate of the gRPC server cannot be used.
    #[error("the certificate of the gRPC server")]
    Certificate(#[from] CertificateError),
    /// SIGTERM and SIGINT cannot be received.
    #[error("setting up signals")]
    Signals(#[source] std::io::Error),
    /// A task ended though nobody asked the process to.
    #[error("task `{task}` ended early: {end}")]
    TaskEnded {
        /// Its name.
        task: &'static str,
        /// How it ended.
        end: TaskEnd,
    },
    /// A task panicked while the process shut down.
    #[error("task `{task}` during shutdown: {end}")]
    ShutdownPanic {
        /// Its name.
        task: &'static str,
        /// The panic.
        end: TaskEnd,
    },
}

/// The admin HTTP server, which answers from the start and until the very end.
struct HttpServer {
    task: tokio::task::JoinHandle<std::io::Result<()>>,
    stop: CancellationToken,
}

const ADMIN_HTTP: &str = "admin http";
const GRPC: &str = "grpc";

impl Process {
    /// Binds the listeners, writes the addresses file and begins to answer probes.
    ///
    /// # Errors
    /// When the certificate cannot be used, a listener cannot be had, or the addresses file not be written.
    pub async fn bind<C: ServiceConfig>(loaded: &Loaded<C>, log: LogControl) -> Result<Self, ProcessError> {
        let config = &loaded.process;
        let metrics = Metrics::new(C::ABOUT);
        let certificates = Certificates::load(&config.grpc.tls, &metrics)?;
        let (http, admin_address) = listen("admin HTTP", config.admin.listen.get()).await?;
        let (grpc, grpc_address) = listen("gRPC", config.grpc.listen.get()).await?;
        let addresses = Addresses { admin: admin_address, grpc: grpc_address };
        if let Some(path) = &loaded.addresses_file {
            addresses.write(path)?;
        }
        let readiness = Readiness::new();
        let shutdown = Shutdown::new();
        let (tasks, ended) = Tasks::new(shutdown.stopping());
        tracing::info!(
            service = C::ABOUT.service,
            version = C::ABOUT.version,
            admin = %addresses.admin,
            grpc = %addresses.grpc,
            tls = certificates.is_some(),
            "starting"
        );
        Ok(Self {
            addresses,
            http: HttpServer::start(http, readiness.clone(), metrics.clone()),
            admin: admin::Admin {
                about: C::ABOUT,
                started: SystemTime::now(),
                config: loaded.text.clone(),
                readiness: readiness.clone(),
                log,
                workers: None,
                standing: Box::new(|| Standing::Alone),
                sections: admin::Sections::default(),
            },
            readiness,
            metrics,
            tasks,
            ended,
            shutdown,
            releases: Vec::new(),
            services: Services::new(),
            grpc,
            terms: Terms {
                deadline: config.grpc.deadline.get(),
                certificates,
                reviewer: Arc::new(KnowsNobody),
                table: Table::default().service(admin::NAME, Allow::accounts(config.access.admins.clone())),
                rate: CallRate { per_second: config.access.calls_per_second, burst: config.access.calls_at_once },
            },
            grace: config.shutdown.grace.get(),
        })
    }

    /// The addresses listened on.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The conditions of readiness.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Starts tasks, now and from within other tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Starts a task that is done when the process is to stop, wherever it stands then: one that only takes things in.
    pub fn until_stopped(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.shutdown.stopping();
        self.tasks.spawn(name, async move {
            tokio::select! { () = work => {} () = stopping.cancelled() => {} }
            Ok::<(), Infallible>(())
        });
    }

    /// Ends the process as SIGTERM does, and tells its parts that it ends.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Lets `AdminService` show and change these workers.
    pub fn workers(&mut self, workers: Arc<dyn Workers>) {
        self.admin.workers = Some(workers);
    }

    /// Tells whether this replica leads; without it, the process is [`Standing::Alone`].
    pub fn standing(&mut self, standing: impl Fn() -> Standing + Send + Sync + 'static) {
        self.admin.standing = Box::new(standing);
    }

    /// Adds a section to `AdminService.Dump`: a view of what the process holds, made when asked
    /// for. It must not block.
    pub fn dump<T: Serialize>(&mut self, section: &'static str, content: impl Fn() -> T + Send + Sync + 'static) {
        self.admin.sections.add(section, content);
    }

    /// Adds a gRPC service. Its messages must be in [`proto::FILE_DESCRIPTOR_SET`] to be described
    /// by reflection and named in metrics.
    pub fn service<S>(&mut self, service: S)
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.services.add(service);
    }

    /// Says whose tokens those of callers are, and which caller may call what. `AdminService` needs no rule: it is for
    /// the accounts in `access.admins`. Without this nobody is known, and only health and reflection answer, on this
    /// host.
    pub fn access(&mut self, reviewer: impl Reviewer, table: Table) {
        self.terms.reviewer = Arc::new(reviewer);
        self.terms.table = std::mem::take(&mut self.terms.table).with(table);
    }

    /// Adds what to do last, when no task runs any more: give up leases, say goodbye. It has a few
    /// seconds. Several are done in the order in which they were added.
    pub fn on_release(&mut self, name: &'static str, release: impl Future<Output = ()> + Send + 'static) {
        self.releases.push(Release::new(name, release));
    }

    /// Serves gRPC and runs until SIGTERM, SIGINT, [`Shutdown::request`] or the early end of a
    /// task. Then: unready, stop intake, let work end within the grace period or abandon it,
    /// release.
    ///
    /// A second signal ends the grace period. Before this is called, signals end the process as they
    /// do any other: what must be released is best acquired by a task, and tasks be started last.
    ///
    /// # Errors
    /// When signals cannot be received, a task ended early, or one panicked during shutdown.
    pub async fn run(mut self) -> Result<(), ProcessError> {
        let mut signals = Signals::listen().map_err(ProcessError::Signals)?;
        self.services.add(self.admin.into_service());
        let (metrics, readiness) = (self.metrics.clone(), self.readiness.clone());
        let stopping = self.shutdown.stopping();
        self.tasks.spawn(GRPC, async move {
            self.services.serve(self.grpc, self.terms, &metrics, readiness, stopping).await
        });
        let early = tokio::select! {
            signal = signals.next() => {
                tracing::info!(signal, "shutting down");
                None
            }
            () = self.shutdown.requested() => {
                tracing::info!("shutting down as requested");
                None
            }
            // The sender lives in `self.tasks`.
            Some(ended) = self.ended.recv() => Some(ended),
            end = &mut self.http.task => Some(Ended::of_http(end)),
        };
        if let Some(Ended { task, end }) = &early {
            tracing::error!(task, %end, "shutting down because a task ended early");
        }
        self.readiness.drain();
        self.shutdown.begin();
        shutdown::drain(&self.tasks, self.grace, &mut signals).await;
        shutdown::release(self.releases).await;
        self.http.stop().await;
        tracing::info!("stopped");
        verdict(early, &mut self.ended)
    }
}

impl HttpServer {
    fn start(listener: TcpListener, readiness: Readiness, metrics: Metrics) -> Self {
        let stop = CancellationToken::new();
        let serve = axum::serve(listener, admin_http::router(readiness, metrics))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        Self { task: tokio::spawn(async move { serve.await }), stop }
    }

    /// Ends the server; a client that keeps its connection busy is not waited for.
    async fn stop(mut self) {
        self.stop.cancel();
        if self.task.is_finished() {
            return;
        }
        let _ = tokio::time::timeout(Duration::from_millis(100), &mut self.task).await;
        self.task.abort();
    }
}

impl Ended {
    fn of_http(end: Result<std::io::Result<()>, tokio::task::JoinError>) -> Self {
        let end = match end {
            Ok(Ok(())) => TaskEnd::Finished,
            Ok(Err(error)) => TaskEnd::Failed(error.to_string()),
            Err(error) => TaskEnd::Panicked(error.to_string()),
        };
        Self { task: ADMIN_HTTP, end }
    }
}

async fn listen(purpose: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ProcessError> {
    let refused = |source| ProcessError::Listen { purpose, address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

/// What the process reports: an early end, else a panic during shutdown. A task that only fails
/// while it is being stopped has done what it could.
fn verdict(early: Option<Ended>, ended: &mut tokio::sync::mpsc::UnboundedReceiver<Ended>) -> Result<(), ProcessError> {
    if let Some(Ended { task, end }) = early {
        return Err(ProcessError::TaskEnded { task, end });
    }
    while let Ok(Ended { task, end }) = ended.try_recv() {
        match end {
            TaskEnd::Finished => {}
            TaskEnd::Failed(reason) => tracing::warn!(task, reason, "failed while stopping"),
            end @ TaskEnd::Panicked(_) => return Err(ProcessError::ShutdownPanic { task, end }),
        }
    }
    Ok(())
}
