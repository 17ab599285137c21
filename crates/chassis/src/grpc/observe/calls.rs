//! Counts calls, by method and outcome.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tonic::Code;
use tonic::body::Body;
use tracing::Span;

use super::Method;
use crate::Metrics;
use crate::grpc::serve::CallInProgress;

/// The metrics of calls. Labels are bounded by the methods served and the codes of gRPC.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    ended: Family<Outcome, Counter>,
    seconds: Family<Label, Histogram>,
    running: Gauge,
}

/// A call in progress; counted when it ends, and as cancelled when it is dropped before.
pub(super) struct Call {
    method: Method,
    begun: Instant,
    calls: Calls,
    span: Span,
    ended: bool,
    /// Held until the answer's last byte, so that the connection is not idle.
    _connection: Option<CallInProgress>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    service: String,
    method: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    service: String,
    method: String,
}

/// An answer whose last word, the status in its trailers, is still to come.
struct Followed {
    inner: Body,
    call: Call,
}

/// From a lookup in memory to the longest default deadline, in seconds.
const BUCKETS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0];

const STATUS: &str = "grpc-status";

impl Calls {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let seconds = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> _);
        Self {
            ended: metrics.register(
                "grpc_calls",
                "gRPC calls that ended, by method and status code",
                Family::default(),
            ),
            seconds: metrics.register(
                "grpc_call_seconds",
                "How long gRPC calls took, streams until their end",
                seconds,
            ),
            running: metrics.register("grpc_calls_running", "gRPC calls in progress", Gauge::default()),
        }
    }

    pub(super) fn begin(&self, method: Method, span: Span, connection: Option<CallInProgress>) -> Call {
        self.running.inc();
        Call { method, begun: Instant::now(), calls: self.clone(), span, ended: false, _connection: connection }
    }
}

impl Call {
    /// Waits for the status, which is in the headers of an answer without content and in the
    /// trailers of every other.
    pub(super) fn follow(mut self, response: Response<Body>) -> Response<Body> {
        if let Some(code) = status(response.headers()) {
            self.end(code);
            return response;
        }
        response.map(|inner| Body::new(Followed { inner, call: self }))
    }

    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let (service, method) = (self.method.service.clone(), self.method.method.clone());
        self.span.record("rpc.grpc.status_code", code as i32);
        self.calls.running.dec();
        self.calls
            .seconds
            .get_or_create(&Label { service: service.clone(), method: method.clone() })
            .observe(self.begun.elapsed().as_secs_f64());
        let code = format!("{code:?}");
        let outcome = Outcome { service, method, code };
        self.calls.ended.get_or_create(&outcome).inc();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

impl http_body::Body for Followed {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(code) = frame.trailers_ref().and_then(status)
        {
            self.call.end(code);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn status(headers: &HeaderMap) -> Option<Code> {
    headers.get(STATUS).map(|status| Code::from_bytes(status.as_bytes()))
}
