//! What is known of one stream's things, to be asked at any time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::table::{Row, Rows, Table};

/// What is known of one stream's things. Cheap to clone; all clones are one.
#[derive(Debug)]
pub struct Followed<T> {
    side: Arc<Mutex<Side<T>>>,
    unknown_after: Duration,
    changes: watch::Sender<u64>,
}

/// The things, and what became of their stream.
#[derive(Debug)]
pub(super) struct Side<T> {
    pub(super) table: Table<T>,
    /// What went wrong last, until something is heard.
    pub(super) trouble: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// How old the last knowledge is; none if there never was any.
    pub age: Option<Duration>,
    /// What went wrong last, if anything did.
    pub cause: Option<String>,
}

impl<T> Clone for Followed<T> {
    fn clone(&self) -> Self {
        Self { side: self.side.clone(), unknown_after: self.unknown_after, changes: self.changes.clone() }
    }
}

impl<T: Row> Followed<T> {
    /// Nothing is known yet, because of `trouble`. What was not confirmed for `unknown_after` is unknown again. `changes`
    /// tells of every change that may make an answer another; several views may share it.
    pub fn new(unknown_after: Duration, changes: watch::Sender<u64>, trouble: &str) -> Self {
        let side = Side { table: Table::default(), trouble: Some(trouble.to_owned()) };
        Self { side: Arc::new(Mutex::new(side)), unknown_after, changes }
    }

    /// Asks, if what is known is recent enough to be an answer.
    ///
    /// # Errors
    /// When nothing is known, or what is known is too old.
    pub fn ask<A>(&self, answer: impl FnOnce(&Rows<T>) -> A) -> Result<A, Unknown> {
        let side = self.side();
        if self.is_fresh(&side, Instant::now()) {
            return Ok(answer(side.table.rows()));
        }
        Err(Unknown { age: side.table.age(Instant::now()), cause: side.trouble.clone() })
    }

    /// How old what is known is: since the server last said that nothing was missing, and what it knew was fresh. The time
    /// that the message travelled is not in it. None if nothing was known yet.
    pub fn age(&self) -> Option<Duration> {
        self.side().table.age(Instant::now())
    }

    /// Wakes whenever an answer may be another one than before: something changed, became unknown, or is known again. The
    /// number means nothing but that it differs.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Wakes the subscribers when what was known becomes unknown; who makes it known again wakes them too. Never ends.
    pub async fn wake_when_unknown(&self) {
        /// A limit is passed, not reached.
        const PAST: Duration = Duration::from_millis(1);
        let left = || self.age().and_then(|age| self.unknown_after.checked_sub(age));
        let mut changes = self.subscribe();
        loop {
            if let Some(known_for) = left() {
                tokio::time::sleep(known_for + PAST).await;
                if left().is_none() {
                    self.wake();
                }
            } else if changes.changed().await.is_err() {
                return;
            }
        }
    }

    pub(super) fn is_fresh(&self, side: &Side<T>, now: Instant) -> bool {
        side.table.age(now).is_some_and(|age| age <= self.unknown_after)
    }

    pub(super) fn wake(&self) {
        self.changes.send_modify(|number| *number = number.wrapping_add(1));
    }

    pub(super) fn side(&self) -> MutexGuard<'_, Side<T>> {
        self.side.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
