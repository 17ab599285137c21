//! HTTP/2 on one connection, within limits.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use super::Dropped;
use super::connection::Connection;

/// What answers calls.
pub(in crate::grpc) trait App:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> App for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Serves HTTP/2.
pub(super) struct Http2<A> {
    app: A,
    builder: Builder<TokioExecutor>,
}

/// Calls of one connection.
struct Calls<A> {
    app: A,
    connection: Arc<Connection>,
}

/// Calls at once on one connection. Each may hold a request of [`super::super::MAX_REQUEST_BYTES`].
const STREAMS: u32 = 100;

/// The headers of a call: a trace context, a token of about 1 KB, a deadline.
const HEADER_BYTES: u32 = 8 * 1024;

/// Room for requests in flight, in each stream and in all of a connection together: HTTP/2's own default, where hyper's
/// is 1 MiB. It bounds what strangers can make us keep: requests hold a few names, and one that waits for the rest
/// blocks but its own client.
const WINDOW: u32 = 65_535;

/// What may wait in each stream for a client that reads slowly: 32 MB in 2,000 streams of which nobody reads any.
/// hyper's default is 400 KB; a larger message is sent in parts and nobody waits for it longer.
const SEND_BUFFER: usize = 16 * 1024;

/// Calls reset by the client before they were looked at. More of them at once is no client but an attack
/// (CVE-2023-44487), and ends the connection. h2's own number.
const RESET_UNSEEN: usize = 20;

/// Calls reset by us for errors that the client provoked (CVE-2025-8671), over the life of a connection.
const RESET_BY_US: usize = 256;

/// How often a silent connection is asked whether its other end is still there, and how long it may take to answer.
const KEEP_ALIVE: Duration = Duration::from_mins(1);
const KEEP_ALIVE_WITHIN: Duration = Duration::from_secs(20);

/// How long a connection without calls has to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

impl<A: super::App> Http2<A> {
    pub(super) fn new(app: A) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(RESET_UNSEEN)
            .max_local_error_reset_streams(RESET_BY_US)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_WITHIN);
        Self { app, builder }
    }

    /// Serves a connection until its client ends it, until it has been kept long enough or until the process stops;
    /// calls in progress then end in their own time.
    pub(super) async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        connection: Arc<Connection>,
        stopping: &CancellationToken,
    ) -> Result<(), Dropped> {
        let calls = Calls { app: self.app.clone(), connection: Arc::clone(&connection) };
        let mut served = pin!(self.builder.serve_connection(TokioIo::new(stream), calls));
        let overstayed = tokio::select! {
            ended = served.as_mut() => return ended.map_err(|error| protocol(&connection, &error)),
            dropped = connection.overstayed() => Some(dropped),
            () = stopping.cancelled() => None,
        };
        served.as_mut().graceful_shutdown();
        tokio::select! {
            _ = served => {}
            () = connection.silent_for(FAREWELL) => {}
        }
        overstayed.map_or(Ok(()), Err)
    }
}

impl<A: super::App> hyper::service::Service<Request<Incoming>> for Calls<A> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Arc::clone(&self.connection));
        Box::pin(self.app.clone().oneshot(request.map(Body::new)))
    }
}

fn protocol(connection: &Connection, error: &hyper::Error) -> Dropped {
    tracing::debug!(%error, peer = %connection.peer(), "gRPC connection broke");
    Dropped::Protocol
}
