//! The life of a watch: list, follow, go on after a break, start over when it must.

use super::{
    ResourceVersion, Versioned, WatchError, WatchMetrics, WatchSignal, WatchTarget,
    cut::Cutter,
    frame::{Frame, decode, is_change},
    metrics::WatchCounters,
    pages::Page,
    source::{Refusal, Source},
};
use crate::causes::Causes;
use bytes::Bytes;
use chassis::backoff::Backoff;
use http_body::Body as _;
use kube::{Client, client::Body};
use serde::de::DeserializeOwned;
use std::{
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Waits between attempts: short, since nothing may start while a view is unknown, and scattered, since every
/// replica's every watch breaks at once when an API server restarts.
const RETRY: Backoff = Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(10) };

/// What the server answers about a kind that it does not know.
const NOT_FOUND: u16 = 404;

/// How often it is looked whether a cluster has come to know a kind that it need not know.
const ABSENT_AGAIN: Duration = Duration::from_secs(10);

/// Most signals in a batch. Decoding takes some 20 µs a pod, so a batch holds its first signal back for about a millisecond at most.
const BATCH: usize = 64;

/// A watch that lasts as long as it is polled. Never ends. Dropping it closes its connection.
pub struct Watch<T> {
    client: Client,
    target: WatchTarget,
    source: Source<T>,
    /// The last version shown; none when only a full list will do.
    shown: Option<ResourceVersion>,
    /// The server refused a streaming list: list by pages.
    by_pages: bool,
    /// Interruptions since something was heard.
    failures: u32,
    cutter: Cutter,
    batch: Vec<WatchSignal<T>>,
    /// The batch was held back once to let the connection deliver more.
    lingered: bool,
    heard: Instant,
    /// Ends a wait, or checks for silence.
    timer: Pin<Box<Sleep>>,
    counters: WatchCounters,
}

impl<T: DeserializeOwned + Versioned + Send + Unpin + 'static> Watch<T> {
    /// A watch that connects when first polled. Must be made inside a tokio runtime.
    pub fn new(client: Client, target: WatchTarget, metrics: &WatchMetrics) -> Self {
        let now = Instant::now();
        let counters = metrics.of(target.path());
        Self {
            client,
            target,
            source: Source::Waiting,
            shown: None,
            by_pages: false,
            failures: 0,
            cutter: Cutter::default(),
            batch: Vec::new(),
            lingered: false,
            heard: now,
            timer: Box::pin(sleep_until(now)),
            counters,
        }
    }

    /// Waits for signals and puts all that arrived together into `batch`, replacing what was there; its allocation
    /// is used again. At least one signal, at most about 64. Cancel-safe: a dropped call loses nothing.
    pub async fn next_batch(&mut self, batch: &mut Vec<WatchSignal<T>>) {
        poll_fn(|cx| self.poll_batch(cx)).await;
        batch.clear();
        mem::swap(batch, &mut self.batch);
    }

    /// Ready once signals wait in `self.batch` and the connection has no more to give at the moment.
    ///
    /// hyper hands over one chunk (one watch frame) at a time and reads the next when its own task runs. So a batch
    /// lingers for one round of the scheduler: what the socket already holds joins it, nothing is waited for.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.batch.len() < BATCH {
            if self.poll_step(cx).is_pending() {
                if self.batch.is_empty() {
                    return Poll::Pending;
                }
                if mem::replace(&mut self.lingered, true) {
                    break;
                }
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.lingered = false;
        }
        self.lingered = false;
        Poll::Ready(())
    }

    /// Makes one step of progress; pending when there is none to be made.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.source {
            Source::Waiting => {
                ready!(self.timer.as_mut().poll(cx));
                self.source = match self.shown {
                    Some(version) => Source::changes(&self.client, &self.target, version),
                    None if self.by_pages => Source::page(&self.client, &self.target, None),
                    None => Source::list(&self.client, &self.target),
                };
            }
            Source::Asking { answer, listing } => {
                let listing = *listing;
                match ready!(answer.as_mut().poll(cx)) {
                    Ok(body) => self.opened(body, listing),
                    Err(Refusal::NoStreamingLists) => {
                        tracing::info!(path = self.target.path(), "no streaming lists here, listing by pages");
                        self.by_pages = true;
                        self.source = Source::page(&self.client, &self.target, None);
                    }
                    Err(Refusal::Other(WatchError::Refused { status: NOT_FOUND, .. })) if self.target.optional => {
                        self.absent();
                    }
                    Err(Refusal::Other(error)) => self.interrupt(error),
                }
            }
            Source::Paging { page, first } => {
                let first = *first;
                match ready!(page.as_mut().poll(cx)) {
                    Ok(page) => self.take_page(page, first),
                    Err(error) => self.interrupt(error),
                }
            }
            Source::Streaming { body, .. } => match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(chunk) = frame.into_data() {
                        self.take_chunk(&chunk);
                    }
                }
                Poll::Ready(Some(Err(error))) => self.interrupt(WatchError::Broken(error.to_string())),
                Poll::Ready(None) => self.interrupt(WatchError::Ended),
                Poll::Pending => ready!(self.poll_silence(cx)),
            },
        }
        Poll::Ready(())
    }

    fn opened(&mut self, body: Body, listing: bool) {
        if listing {
            self.restart();
        }
        self.source = Source::Streaming { body, listing };
        self.heard = Instant::now();
        self.timer.as_mut().reset(self.heard + self.target.silent_after);
    }

    /// The server does not know the kind: there is none of it.
    fn absent(&mut self) {
        self.failures = 0;
        self.restart();
        self.batch.push(WatchSignal::InitDone(ResourceVersion::default()));
        self.shown = None;
        self.source = Source::Waiting;
        self.timer.as_mut().reset(Instant::now() + ABSENT_AGAIN);
    }

    fn restart(&mut self) {
        self.counters.lists.inc();
        self.batch.push(WatchSignal::Restarted);
    }

    fn take_page(&mut self, page: Page<T>, first: bool) {
        if first {
            self.restart();
        }
        self.failures = 0;
        self.batch.extend(page.items.into_iter().map(WatchSignal::Applied));
        let version = page.metadata.resource_version;
        if let Some(token) = page.metadata.token.filter(|token| !token.is_empty()) {
            self.source = Source::page(&self.client, &self.target, Some(token));
        } else {
            self.shown = Some(version);
            self.batch.push(WatchSignal::InitDone(version));
            self.source = Source::changes(&self.client, &self.target, version);
        }
    }

    fn take_chunk(&mut self, chunk: &Bytes) {
        self.heard = Instant::now();
        self.failures = 0;
        self.counters.bytes.inc_by(chunk.len() as u64);
        let mut cutter = mem::take(&mut self.cutter);
        cutter.cut(chunk, |line| self.take_line(line));
        if !matches!(self.source, Source::Streaming { .. }) {
            cutter.forget();
        }
        self.cutter = cutter;
    }

    fn take_line(&mut self, line: &[u8]) {
        let Source::Streaming { listing, .. } = &mut self.source else {
            return; // an error frame ended the stream: nothing after it counts
        };
        self.counters.frames.inc();
        if !*listing && is_change(line) && self.target.skip.is_some_and(|skip| skip(line)) {
            if !matches!(self.batch.last(), Some(WatchSignal::Skipped)) {
                self.batch.push(WatchSignal::Skipped);
            }
            return;
        }
        let (version, signal) = match decode::<T>(line) {
            Ok(Frame::Applied(object)) => (object.resource_version(), WatchSignal::Applied(object)),
            Ok(Frame::Deleted(object)) => (object.resource_version(), WatchSignal::Deleted(object)),
            Ok(Frame::Bookmark { version, ends_list: true }) => {
                *listing = false;
                (version, WatchSignal::InitDone(version))
            }
            Ok(Frame::Bookmark { version, ends_list: false }) => (version, WatchSignal::Bookmark(version)),
            Ok(Frame::Failed(error)) => return self.interrupt(error),
            Err(error) => {
                tracing::error!(path = self.target.path(), error = %error.source, frame = error.beginning, "a watched object does not decode");
                return self.batch.push(WatchSignal::Undecodable(error));
            }
        };
        if !*listing {
            self.shown = Some(version);
        }
        self.batch.push(signal);
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.timer.as_mut().poll(cx));
        let due = self.heard + self.target.silent_after;
        if Instant::now() < due {
            // The timer is set once per silence, not once per frame.
            self.timer.as_mut().reset(due);
        } else {
            self.interrupt(WatchError::Silent(self.target.silent_after));
        }
        Poll::Ready(())
    }

    /// Ends the connection, tells why, and sets the time of the next attempt. The first one after a connection that
    /// worked and was ended by the server comes at once.
    fn interrupt(&mut self, reason: WatchError) {
        let at_once = self.failures == 0 && matches!(reason, WatchError::Ended | WatchError::Expired);
        self.failures = self.failures.saturating_add(1);
        let retry_in = if at_once { Duration::ZERO } else { RETRY.after(self.failures) };
        if matches!(reason, WatchError::Expired) {
            self.shown = None;
        }
        if matches!(reason, WatchError::Ended) {
            tracing::debug!(path = self.target.path(), "watch ended by the server");
        } else {
            tracing::warn!(path = self.target.path(), error = %Causes(&reason), ?retry_in, "watch interrupted");
        }
        self.counters.interrupted(reason.kind());
        self.cutter.forget();
        self.source = Source::Waiting;
        self.timer.as_mut().reset(Instant::now() + retry_in);
        self.batch.push(WatchSignal::Interrupted { reason, retry_in });
    }
}

#[cfg(test)]
mod tests;
