//! The gRPC server of a process: its services, and what every call to them has.

pub(crate) mod admin;
mod admit;
pub(crate) mod deadline;
mod health;
mod methods;
mod observe;
mod reflection;
mod serve;
pub(crate) mod trace_context;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse;
use http::Request;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::RoutesBuilder;
use tower::{Service, ServiceBuilder};

pub use reflection::ReflectionError;
pub use serve::CertificateError;

use crate::access::{Reviewer, Table};
use crate::{Metrics, Readiness};
use admit::AdmitLayer;
pub(crate) use admit::CallRate;
use methods::Methods;
use observe::ObserveLayer;
pub(crate) use serve::Certificates;
use serve::Door;

/// The largest request message that a service should accept, in bytes; set it with the generated
/// server's `max_decoding_message_size`. No request of Drover's holds more than a few names.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// The services of a process.
pub(crate) struct Services {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
}

/// How they are served.
pub(crate) struct Terms {
    /// The longest a call may take until its first answer.
    pub(crate) deadline: Duration,
    /// What is served over TLS; plaintext without.
    pub(crate) certificates: Option<Arc<Certificates>>,
    /// Whose tokens those of callers are.
    pub(crate) reviewer: Arc<dyn Reviewer>,
    /// Which caller may call what.
    pub(crate) table: Table,
    /// How often one caller may call.
    pub(crate) rate: CallRate,
}

impl Services {
    pub(crate) fn new() -> Self {
        Self { routes: RoutesBuilder::default(), names: Vec::new() }
    }

    /// Adds a service; a second one of the same name is an error of the caller's.
    pub(crate) fn add<S>(&mut self, service: S)
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes.add_service(service);
        self.names.push(S::NAME);
    }

    /// Adds health and reflection, and serves until `stopping` and until every call has ended.
    ///
    /// # Errors
    /// When the descriptors of the services cannot be served, or a rule is about what is not served.
    pub(crate) async fn serve(
        mut self,
        listener: TcpListener,
        terms: Terms,
        metrics: &Metrics,
        readiness: Readiness,
        stopping: CancellationToken,
    ) -> Result<(), GrpcError> {
        let (health, reporting) = health::service(&self.names, readiness, stopping.clone()).await;
        self.add(health);
        reflection::add(&mut self)?;
        let methods = Arc::new(Methods::of(&self.names)?);
        let table = terms.table.with(open());
        let is_served = |service: &str, method: Option<&str>| {
            // Of a service without descriptors no methods are known.
            self.names.contains(&service) && (methods.has(service, method) || !methods.has(service, None))
        };
        if let Some(rule) = table.unknown(is_served) {
            return Err(GrpcError::Rule(rule));
        }
        let app = ServiceBuilder::new()
            .layer(ObserveLayer::new(Arc::clone(&methods), metrics, terms.deadline))
            .layer(AdmitLayer::new(table, self.names.clone(), terms.reviewer, terms.rate, methods, metrics))
            .service(self.routes.routes().prepare());
        let door = Door::new(app, terms.certificates.clone(), metrics, stopping.clone());
        let certificates = async {
            if let Some(certificates) = &terms.certificates {
                certificates.follow(stopping).await;
            }
        };
        tokio::join!(door.serve(listener), reporting, certificates);
        Ok(())
    }
}

/// What tells no secret is open on this host, so that a probe and a first `grpcurl list` need no token there.
fn open() -> Table {
    let mut open = Table::default();
    for service in reflection::NAMES.into_iter().chain([health::NAME]) {
        open.open_on_loopback(service);
    }
    open
}

/// Why gRPC is not served.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// The descriptors in the program are not valid.
    #[error("reading the descriptors of the services")]
    Descriptors(#[from] prost::DecodeError),
    /// The descriptors cannot be served.
    #[error("serving the descriptors of the services")]
    Reflection(#[from] ReflectionError),
    /// The access table has a rule for a service or method that is not served.
    #[error("the access table has a rule for {0}, which is not served")]
    Rule(String),
}
