//! A cursor as a gRPC stream: what is sent, and the times at which its client must hear something.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use futures::Stream;
use futures::stream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{Batch, Cursor, Entry};

/// When a stream sends, and when it ends.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The least time between two messages: changes that come faster are sent together.
    pub pace: Duration,
    /// Changes in one message, about.
    pub batch: usize,
    /// How often a client of a stream on which nothing changes is told so.
    pub heartbeat: Duration,
    /// How long a stream lasts, give or take a quarter, so that those that began together do not end together.
    pub lasts: Duration,
    /// Ends it with UNAVAILABLE.
    pub stopping: CancellationToken,
}

/// What one client is told.
pub trait Teller<V>: Send + Sync + 'static {
    /// What is sent.
    type Message: Send + 'static;

    /// Whether the client may still be told. Asked after each look, so that it judges by no less than what was seen.
    ///
    /// # Errors
    /// The status with which the stream ends.
    fn check(&self) -> Result<(), Status>;

    /// The message of a batch.
    fn message(&self, batch: Batch<V>) -> Self::Message;
}

/// A stream under way.
struct Sending<V, T> {
    cursor: Cursor<V>,
    teller: T,
    terms: Terms,
    ends: Instant,
    /// When the client must hear something.
    due: Instant,
    /// When it was told something last.
    told: Option<Instant>,
    synced: bool,
    over: bool,
}

/// The messages of a stream.
pub fn stream<V: Entry, T: Teller<V>>(
    cursor: Cursor<V>,
    teller: T,
    terms: Terms,
) -> impl Stream<Item = Result<T::Message, Status>> + Send + 'static {
    let now = Instant::now();
    let ends = now + terms.lasts.mul_f64(0.75 + random_share() / 2.0);
    let sending = Sending { cursor, teller, terms, ends, due: now, told: None, synced: false, over: false };
    stream::unfold(sending, |mut sending| async move {
        let message = sending.next().await?;
        sending.over = message.is_err();
        Some((message, sending))
    })
}

impl<V: Entry, T: Teller<V>> Sending<V, T> {
    /// The next message, or none at the end.
    async fn next(&mut self) -> Option<Result<T::Message, Status>> {
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
            let batch = self.cursor.pull(self.terms.batch);
            if let Err(refused) = self.teller.check() {
                return Some(Err(refused));
            }
            let news = !batch.is_empty() || (batch.synced && !self.synced);
            self.synced = batch.synced;
            if news || (batch.synced && now >= self.due) {
                self.told = Some(now);
                self.due = now + self.terms.heartbeat;
                return Some(Ok(self.teller.message(batch)));
            }
            // Nothing of many changes was for this client.
            tokio::task::consume_budget().await;
        }
    }

    /// Waits until there is something to say: a change, though not too soon after the last, or the time for it.
    async fn wait(&self) {
        let changed = async {
            if let Some(told) = self.told {
                tokio::time::sleep_until(told + self.terms.pace).await;
            }
            self.cursor.changed().await;
        };
        tokio::select! {
            () = self.terms.stopping.cancelled() => {}
            () = tokio::time::sleep_until(self.ends.min(self.due)) => {}
            () = changed => {}
        }
    }
}

/// A number in `0.0..1.0`: scatter needs no better source than the hasher's keys.
fn random_share() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}
