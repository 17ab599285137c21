//! The gRPC server of a process: its services, and what every call to them has.

pub(crate) mod admin;
mod health;
mod methods;
mod observe;
mod reflection;
mod trace_context;

use std::convert::Infallible;
use std::time::Duration;

use axum::response::IntoResponse;
use http::Request;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::RoutesBuilder;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::Service;

pub use reflection::ReflectionError;

use crate::{Metrics, Readiness};
use methods::Methods;
use observe::ObserveLayer;

/// The largest request message that a service should accept, in bytes; set it with the generated
/// server's `max_decoding_message_size`. No request of Drover's holds more than a few names.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// Calls at once on one connection. Each may hold a request of [`MAX_REQUEST_BYTES`].
const MAX_STREAMS: u32 = 100;

/// The headers of a call: a trace context, a token, a deadline.
const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// How often a silent connection is asked whether its other end is still there.
const KEEP_ALIVE: Duration = Duration::from_mins(1);

/// Room for one request in flight in each stream: HTTP/2's own default, where hyper's is 1 MiB.
const STREAM_WINDOW: u32 = 65_535;

/// The services of a process.
pub(crate) struct Services {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
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
    /// When the descriptors of the services cannot be served, or the server fails.
    pub(crate) async fn serve(
        mut self,
        listener: TcpListener,
        deadline: Duration,
        metrics: &Metrics,
        readiness: Readiness,
        stopping: CancellationToken,
    ) -> Result<(), GrpcError> {
        let (health, reporting) = health::service(&self.names, readiness, stopping.clone()).await;
        self.add(health);
        let methods = Methods::of(&self.names)?;
        reflection::add(&mut self)?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .layer(ObserveLayer::new(methods, metrics, deadline))
            .add_routes(self.routes.routes())
            .serve_with_incoming_shutdown(incoming, stopping.cancelled());
        let (served, ()) = tokio::join!(server, reporting);
        Ok(served?)
    }
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
    /// The server failed.
    #[error("serving gRPC")]
    Serve(#[from] tonic::transport::Error),
}
