//! A bound on how long a call may take, answer body included. Watches have their own (see [`crate::watch`]).

use super::call::{Call, Verb};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{BoxError, Layer, Service};

/// No answer, or no complete answer, within the time allowed. A write may have happened.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no answer to {verb} within {} ms", after.as_millis())]
pub struct TimedOut {
    /// What was called.
    pub verb: Verb,
    /// The time it was given.
    pub after: Duration,
}

/// Ends calls that take too long: `write` for writes, `read` for reads and for the answer head of a watch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    pub(crate) read: Duration,
    pub(crate) write: Duration,
}

impl<S> Layer<S> for Deadlines {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Bounded { inner, deadlines: *self }
    }
}

/// The service of the [`Deadlines`] layer.
#[derive(Debug)]
pub(crate) struct Bounded<S> {
    inner: S,
    deadlines: Deadlines,
}

impl<S, B, R> Service<Request<B>> for Bounded<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Response<BoundedBody<R>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let verb = Call::of(request.method(), request.uri()).verb;
        let after = if verb.is_write() { self.deadlines.write } else { self.deadlines.read };
        let timed_out = TimedOut { verb, after };
        let response = self.inner.call(request);
        let deadline = Instant::now() + after;
        Box::pin(async move {
            let response =
                tokio::time::timeout_at(deadline, response).await.map_err(|_| timed_out)?.map_err(Into::into)?;
            Ok(response.map(|inner| BoundedBody {
                inner,
                deadline: (verb != Verb::Watch).then_some(deadline),
                timer: None,
                timed_out,
            }))
        })
    }
}

/// An answer body that must end by the deadline of its call; a watch's has none.
pub(crate) struct BoundedBody<R> {
    inner: R,
    deadline: Option<Instant>,
    /// Made at the first wait: most answers arrive whole.
    timer: Option<Pin<Box<Sleep>>>,
    timed_out: TimedOut,
}

impl<R> Body for BoundedBody<R>
where
    R: Body<Data = Bytes> + Unpin,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if let Some(deadline) = self.deadline {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Some(Err(self.timed_out.into())));
            }
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full, StreamBody};
    use tower::{ServiceExt, service_fn};

    const LIMITS: Deadlines = Deadlines { read: Duration::from_secs(30), write: Duration::from_secs(10) };

    fn stalled() -> impl Body<Data = Bytes, Error = BoxError> + Unpin {
        StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, BoxError>>())
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_without_answer_ends_at_its_deadline() {
        let silent = service_fn(|_: Request<()>| std::future::pending::<Result<Response<Full<Bytes>>, BoxError>>());
        let began = Instant::now();
        let error = LIMITS
            .layer(silent)
            .oneshot(Request::delete("/api/v1/namespaces/a/pods/b").body(()).unwrap())
            .await
            .err()
            .unwrap();
        assert_eq!(began.elapsed(), LIMITS.write);
        assert_eq!(error.downcast_ref::<TimedOut>().unwrap().verb, Verb::Delete);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_ends_too_but_a_watch_does_not() {
        let stalling = || service_fn(|_: Request<()>| async { Ok::<_, BoxError>(Response::new(stalled())) });
        let began = Instant::now();
        let list = LIMITS.layer(stalling()).oneshot(Request::get("/api/v1/pods").body(()).unwrap()).await.unwrap();
        assert!(list.into_body().frame().await.unwrap().unwrap_err().is::<TimedOut>());
        assert_eq!(began.elapsed(), LIMITS.read);

        let watch =
            LIMITS.layer(stalling()).oneshot(Request::get("/api/v1/pods?watch=true").body(()).unwrap()).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_hours(1), watch.into_body().frame()).await;
        assert!(waited.is_err(), "a watch has no deadline here");
    }
}
