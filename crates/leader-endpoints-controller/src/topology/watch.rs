//! A watch: a cursor in a feed, and the times at which its client must hear something.

use std::sync::Arc;
use std::time::Duration;

use chassis::feed::{Batch, Cursor, Entry, Reset};
use futures::Stream;
use futures::stream;
use proto::topology::v1 as messages;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::access::Shown;
use super::metrics::{Counted, Metrics};
use super::row::{NodeRow, PoolRow};
use super::settings::{BATCH, PACE};

/// What is sent of a feed.
pub(super) trait Row: Entry {
    /// What it is called in metrics.
    const WATCHED: &'static str;
    type Message: Send + 'static;

    fn message(changed: Vec<Self>, removed: Vec<String>, mark: messages::Mark) -> Self::Message;
}

/// What all watches share.
pub(super) struct Terms {
    pub(super) heartbeat: Duration,
    /// How old the mirrors are.
    pub(super) source_age: Box<dyn Fn() -> Duration + Send + Sync>,
    pub(super) stopping: CancellationToken,
    pub(super) metrics: Metrics,
}

/// A watch under way.
struct Watch<R> {
    cursor: Cursor<R>,
    shown: Shown,
    terms: Arc<Terms>,
    ends: Instant,
    /// When the client must hear something.
    due: Instant,
    /// When it was told something last.
    told: Option<Instant>,
    synced: bool,
    over: bool,
    counted: Counted,
}

/// The messages of a watch that ends after `age`.
pub(super) fn stream<R: Row>(
    cursor: Cursor<R>,
    shown: Shown,
    terms: Arc<Terms>,
    age: Duration,
) -> impl Stream<Item = Result<R::Message, Status>> + Send + 'static {
    let now = Instant::now();
    let counted = terms.metrics.watch(R::WATCHED);
    let ends = now + age;
    let watch = Watch { cursor, shown, terms, ends, due: now, told: None, synced: false, over: false, counted };
    stream::unfold(watch, |mut watch| async move {
        let message = watch.next().await?;
        watch.over = message.is_err();
        Some((message, watch))
    })
}

impl<R: Row> Watch<R> {
    /// The next message, or none at the end.
    async fn next(&mut self) -> Option<Result<R::Message, Status>> {
        if self.over {
            return None;
        }
        loop {
            if self.synced {
                self.wait().await;
            }
            if self.terms.stopping.is_cancelled() {
                return Some(Err(Status::unavailable("this replica is shutting down: resume the watch elsewhere")));
            }
            let now = Instant::now();
            if self.synced && now >= self.ends {
                return None;
            }
            let batch = self.cursor.pull(BATCH);
            // After the pull: what it shows of a node that moved, the check knows too.
            if let Err(refused) = self.shown.check() {
                return Some(Err(refused));
            }
            let news = !batch.is_empty() || (batch.synced && !self.synced);
            self.synced = batch.synced;
            if news || (batch.synced && now >= self.due) {
                self.told = Some(now);
                self.due = now + self.terms.heartbeat;
                return Some(Ok(self.message(batch)));
            }
            // Nothing of many changes was for this client.
            tokio::task::consume_budget().await;
        }
    }

    /// Waits until there is something to say: a change, though not too soon after the last, or the time for it.
    async fn wait(&self) {
        let changed = async {
            if let Some(told) = self.told {
                tokio::time::sleep_until(told + PACE).await;
            }
            self.cursor.changed().await;
        };
        tokio::select! {
            () = self.terms.stopping.cancelled() => {}
            () = tokio::time::sleep_until(self.ends.min(self.due)) => {}
            () = changed => {}
        }
    }

    fn message(&self, batch: Batch<R>) -> R::Message {
        let Batch { reset, changed, removed, synced, token } = batch;
        if let Some(reset) = reset {
            self.terms.metrics.reset(R::WATCHED, reset);
        }
        self.counted.message();
        let mark = messages::Mark {
            resume_token: token.encode(),
            synced,
            reset: reset.map_or(messages::Reset::Unspecified, told).into(),
            source_age: synced.then(|| encoded((self.terms.source_age)())),
        };
        let changed = changed.into_iter().map(|(_, row)| row).collect();
        R::message(changed, removed.into_iter().map(|key| key.to_string()).collect(), mark)
    }
}

fn encoded(age: Duration) -> prost_types::Duration {
    /// 10,000 years, which is the most that the type can hold.
    const LONGEST: prost_types::Duration = prost_types::Duration { seconds: 315_576_000_000, nanos: 0 };
    prost_types::Duration::try_from(age).unwrap_or(LONGEST)
}

fn told(reset: Reset) -> messages::Reset {
    match reset {
        Reset::OtherEpoch => messages::Reset::OtherEpoch,
        Reset::TooOld => messages::Reset::TooOld,
        Reset::OtherSelection => messages::Reset::OtherSelector,
        Reset::Ahead => messages::Reset::Ahead,
    }
}

impl Row for PoolRow {
    const WATCHED: &'static str = "pools";
    type Message = messages::WatchPoolsResponse;

    fn message(changed: Vec<Self>, removed: Vec<String>, mark: messages::Mark) -> Self::Message {
        let changed = changed.into_iter().map(|row| (*row.0).clone()).collect();
        messages::WatchPoolsResponse { changed, removed, mark: Some(mark) }
    }
}

impl Row for NodeRow {
    const WATCHED: &'static str = "nodes";
    type Message = messages::WatchNodesResponse;

    fn message(changed: Vec<Self>, removed: Vec<String>, mark: messages::Mark) -> Self::Message {
        let changed = changed.iter().map(|row| row.node().clone()).collect();
        messages::WatchNodesResponse { changed, removed, mark: Some(mark) }
    }
}
