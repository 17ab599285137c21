//! What every call has: a deadline, a span in the caller's trace, and a place in the metrics.

mod calls;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Instrument;

use super::deadline;
use super::methods::{Method, Methods};
use super::serve::Connection;
use super::trace_context;
use crate::Metrics;
use calls::Calls;

/// Observes the calls to a service.
#[derive(Clone, Debug)]
pub(super) struct ObserveLayer {
    methods: Arc<Methods>,
    calls: Calls,
    deadline: Duration,
}

/// A service whose calls are observed.
#[derive(Clone, Debug)]
pub(super) struct Observed<S> {
    inner: S,
    layer: ObserveLayer,
}

impl ObserveLayer {
    /// Calls end within `deadline`, or sooner where the caller asks for that.
    pub(super) fn new(methods: Arc<Methods>, metrics: &Metrics, deadline: Duration) -> Self {
        Self { methods, calls: Calls::new(metrics), deadline }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Observed { inner, layer: self.clone() }
    }
}

impl<S> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = self.layer.methods.at(request.uri().path());
        let span = span(&method);
        trace_context::follow(&span, request.headers());
        let limit =
            deadline::asked(request.headers()).map_or(self.layer.deadline, |asked| asked.min(self.layer.deadline));
        let connection = request.extensions().get::<Arc<Connection>>().cloned().map(Connection::call);
        let call = self.layer.calls.begin(method, span.clone(), connection);
        let answer = self.inner.call(request);
        Box::pin(
            async move {
                match tokio::time::timeout(limit, answer).await {
                    Ok(answer) => answer.map(|response| call.follow(response)),
                    Err(_) => Ok(call.follow(late(limit).into_http())),
                }
            }
            .instrument(span),
        )
    }
}

fn span(method: &Method) -> tracing::Span {
    tracing::info_span!(
        "grpc",
        otel.name = format!("{}/{}", method.service, method.method),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = method.service,
        rpc.method = method.method,
        rpc.grpc.status_code = tracing::field::Empty,
    )
}

fn late(limit: Duration) -> Status {
    Status::deadline_exceeded(format!("no answer within {limit:?}"))
}
