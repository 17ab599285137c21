//! An answer whose parts arrive late, each by as much, and in their order: what a watch is that lags.

use bytes::Bytes;
use http_body::{Body, Frame};
use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::BoxError;

/// The content of an answer, some time later. What has arrived meanwhile is kept.
#[derive(Debug)]
pub struct Late<R> {
    inner: R,
    lag: Duration,
    /// What has arrived, and when it may be seen; the end too.
    arrived: VecDeque<(Instant, Arrival)>,
    has_ended: bool,
    timer: Pin<Box<Sleep>>,
}

/// What an answer brought: a part of it, an error, or its end.
type Arrival = Option<Result<Frame<Bytes>, BoxError>>;

impl<R> Late<R> {
    pub(super) fn new(inner: R, lag: Duration) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Self { inner, lag, arrived: VecDeque::new(), has_ended: false, timer }
    }

    /// The next part whose time has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arrival>
    where
        R: Body<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        while !self.has_ended {
            let Poll::Ready(arrival) = Pin::new(&mut self.inner).poll_frame(cx) else { break };
            // Who is told of an error asks no further.
            self.has_ended = !matches!(arrival, Some(Ok(_)));
            self.arrived.push_back((Instant::now() + self.lag, arrival.map(|frame| frame.map_err(Into::into))));
        }
        let Some((due, _)) = self.arrived.front() else {
            return if self.has_ended { Poll::Ready(None) } else { Poll::Pending };
        };
        self.timer.as_mut().reset(*due);
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(self.arrived.pop_front().and_then(|(_, arrival)| arrival)),
            Poll::Pending => Poll::Pending,
        }
    }
}
