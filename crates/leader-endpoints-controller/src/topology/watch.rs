//! A watch: what its client is told, in messages.

use std::sync::Arc;
use std::time::Duration;

use chassis::feed::{Batch, Cursor, Entry, Reset, Teller};
use futures::Stream;
use proto::topology::v1 as messages;
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
    /// How long a watch lasts.
    pub(super) lasts: Duration,
    /// How old the mirrors are.
    pub(super) source_age: Box<dyn Fn() -> Duration + Send + Sync>,
    pub(super) stopping: CancellationToken,
    pub(super) metrics: Metrics,
}

/// What one client is told.
struct Watch {
    shown: Shown,
    terms: Arc<Terms>,
    counted: Counted,
}

/// The messages of a watch.
pub(super) fn stream<R: Row>(
    cursor: Cursor<R>,
    shown: Shown,
    terms: Arc<Terms>,
) -> impl Stream<Item = Result<R::Message, Status>> + Send + 'static {
    let times = chassis::feed::Terms {
        pace: PACE,
        batch: BATCH,
        heartbeat: terms.heartbeat,
        lasts: terms.lasts,
        stopping: terms.stopping.clone(),
    };
    let counted = terms.metrics.watch(R::WATCHED);
    chassis::feed::stream(cursor, Watch { shown, terms, counted }, times)
}

impl<R: Row> Teller<R> for Watch {
    type Message = R::Message;

    /// What was seen of a node that moved, the check knows too.
    fn check(&self) -> Result<(), Status> {
        self.shown.check()
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
