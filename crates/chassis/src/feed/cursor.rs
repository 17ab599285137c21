//! A stream's place in a feed.

use std::sync::Arc;

use tokio::sync::Notify;

use super::bells::Topic;
use super::log::Slot;
use super::token::Position;
use super::{Entry, Reset, Selection, Shared, Token};

/// Follows a feed: [`Cursor::pull`] brings what the client has not been told yet, [`Cursor::changed`] waits for more.
#[derive(Debug)]
pub struct Cursor<V> {
    shared: Arc<Shared<V>>,
    selection: Selection<V>,
    fingerprint: u32,
    position: Position,
    /// To be told with the next batch.
    reset: Option<Reset>,
    topics: Vec<Topic>,
    bell: (u64, Arc<Notify>),
}

/// What a client is to be told next.
#[derive(Clone, Debug)]
pub struct Batch<V> {
    /// If any: forget the view, which begins anew with this batch.
    pub reset: Option<Reset>,
    /// Keys that are new or changed, each once.
    pub changed: Vec<(Arc<str>, V)>,
    /// Keys that are gone or not selected any more. Some the client may never have been told of.
    pub removed: Vec<Arc<str>>,
    /// Whether nothing is missing after this.
    pub synced: bool,
    /// Resumes after this batch.
    pub token: Token,
}

impl<V> Batch<V> {
    /// Whether it says nothing but that nothing changed.
    pub fn is_empty(&self) -> bool {
        self.reset.is_none() && self.changed.is_empty() && self.removed.is_empty()
    }
}

impl<V: Entry> Cursor<V> {
    pub(super) fn new(shared: Arc<Shared<V>>, selection: Selection<V>, token: Option<Token>) -> Self {
        let (topics, fingerprint) = (selection.topics(), selection.fingerprint());
        let mut state = shared.lock();
        let bell = state.bells.hang(&topics);
        let begin = Position { at: 0, whole: state.head };
        let (position, reset) = match token {
            None => (begin, None),
            Some(token) if token.epoch != shared.epoch => (begin, Some(Reset::OtherEpoch)),
            Some(token) if token.selection != fingerprint => (begin, Some(Reset::OtherSelection)),
            Some(token) if token.position.newest() > state.head => (begin, Some(Reset::Ahead)),
            Some(token) => (token.position, None),
        };
        drop(state);
        Self { shared, selection, fingerprint, position, reset, topics, bell }
    }

    /// What the client has not been told yet, in about `limit` changes (at least 1). Without any, an empty batch that
    /// says that nothing is missing. One that is not synced is to be followed by another at once.
    pub fn pull(&mut self, limit: usize) -> Batch<V> {
        let state = self.shared.lock();
        let begins = self.position.at == 0;
        let forgotten = !begins && self.position.newest() < state.horizon;
        let reset = self.reset.take().or(forgotten.then_some(Reset::TooOld));
        if reset.is_some() || begins {
            self.position = Position { at: 0, whole: state.head };
        }
        let (mut changed, mut removed) = (Vec::new(), Vec::new());
        let (slots, at) = state.after(&self.selection, self.position.at, limit.max(1));
        for (_, Slot { key, value, scope }) in slots {
            if !self.selection.names(key) {
                continue;
            }
            match value {
                Some(value) if self.selection.chooses(value) => changed.push((key.clone(), value.clone())),
                // It went from one group to another of the selection, and comes, or came, with that one's changes.
                None if state.get(key).is_some_and(|value| self.selection.chooses(value)) => {}
                Some(_) | None if *scope > self.position.whole => removed.push(key.clone()),
                Some(_) | None => {}
            }
        }
        let synced = at == state.head;
        drop(state);
        self.position.at = at;
        if synced {
            self.position.whole = at;
        }
        Batch { reset, changed, removed, synced, token: self.token() }
    }

    /// Waits until there may be something to pull; back at once when there may have been since the last pull. Nothing is
    /// lost when it is dropped.
    pub async fn changed(&self) {
        self.bell.1.notified().await;
    }

    fn token(&self) -> Token {
        Token { epoch: self.shared.epoch, selection: self.fingerprint, position: self.position }
    }
}

impl<V> Drop for Cursor<V> {
    fn drop(&mut self) {
        self.shared.lock().bells.take_down(self.bell.0, &self.topics);
    }
}

impl Position {
    /// Nothing that went before this is still to be told.
    fn newest(self) -> u64 {
        self.at.max(self.whole)
    }
}
