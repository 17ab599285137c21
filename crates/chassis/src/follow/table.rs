//! One kind of things as a stream tells of them: takes in messages and the time, and does no I/O.

mod rows;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use rows::{Row, Rows};

/// One message of a stream.
#[derive(Clone, Debug)]
pub struct Message<T> {
    /// What is new or changed.
    pub changed: Vec<T>,
    /// The names of what is gone.
    pub removed: Vec<String>,
    /// Where the view stands afterwards.
    pub mark: Option<Mark>,
}

/// Where a view stands after a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Resumes the stream from here.
    pub resume_token: Vec<u8>,
    /// Nothing is missing from the view.
    pub synced: bool,
    /// This message and those up to the next synced one replace the view.
    pub reset: bool,
    /// How old the server's own knowledge is.
    pub source_age: Option<Duration>,
}

/// What a message did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nothing that anybody would notice, but that the view is younger now.
    Heard,
    /// The view changed.
    Changed,
    /// More is to come before the view is whole.
    Partly,
}

/// A stream does not keep to its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It cannot be said where the view stands.
    #[error("a message without mark")]
    NoMark,
    /// There is nothing to resume from.
    #[error("a mark without token")]
    NoToken,
}

/// The things of one stream.
#[derive(Debug)]
pub struct Table<T> {
    rows: Rows<T>,
    /// What replaces them when it is whole: a reset shows no emptiness to anybody.
    coming: Option<Rows<T>>,
    token: Vec<u8>,
    /// The rows changed since they were whole last.
    changed: bool,
    /// When the rows were whole last, by the monotonic clock of this process.
    whole_at: Option<Instant>,
}

impl<T: Row> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Rows::default(), coming: None, token: Vec::new(), changed: false, whole_at: None }
    }
}

impl<T: Row> Table<T> {
    /// Begins or resumes: the token to ask for the stream with.
    pub fn begin(&mut self) -> Vec<u8> {
        if self.token.is_empty() {
            self.coming = Some(Rows::default());
        }
        self.token.clone()
    }

    /// Forgets where the stream was: it was refused there. What is known stays until the next one has told everything.
    pub fn lose_place(&mut self) {
        self.token.clear();
        self.coming = None;
    }

    /// Takes in a message that came at `now`.
    ///
    /// # Errors
    /// When it is not one that can follow; the stream is to be given up, and its place lost.
    pub fn take(&mut self, message: Message<T>, now: Instant) -> Result<Taken, Malformed> {
        let Message { changed, removed, mark } = message;
        let mark = mark.ok_or(Malformed::NoMark)?;
        if mark.resume_token.is_empty() {
            return Err(Malformed::NoToken);
        }
        if mark.reset {
            self.coming = Some(Rows::default());
        }
        let (rows, news) = match &mut self.coming {
            // Compared as a whole, when it is whole.
            Some(coming) => (coming, &mut false),
            None => (&mut self.rows, &mut self.changed),
        };
        for row in changed {
            *news |= rows.put(row);
        }
        for name in &removed {
            *news |= rows.remove(name);
        }
        self.token = mark.resume_token;
        if !mark.synced {
            return Ok(Taken::Partly);
        }
        if let Some(coming) = self.coming.take() {
            self.changed |= self.whole_at.is_none() || coming != self.rows;
            self.rows = coming;
        }
        let source_age = mark.source_age.unwrap_or_default();
        // A source older than this process's clock can tell is as good as unknown.
        let whole_at = now.checked_sub(source_age);
        let known_again = whole_at.is_some() != self.whole_at.is_some();
        self.whole_at = whole_at;
        let news = std::mem::take(&mut self.changed) || known_again;
        Ok(if news { Taken::Changed } else { Taken::Heard })
    }

    /// How old the rows are; none if they were never whole.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.whole_at?))
    }

    /// What is known, however old.
    pub fn rows(&self) -> &Rows<T> {
        &self.rows
    }
}
