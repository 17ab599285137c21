//! What an Event says, for one occurrence and for many.

use std::fmt::Write as _;

/// Items that are named; the others are counted.
const NAMED: usize = 3;

/// Longest message, in bytes: the limit of events.k8s.io, kept here so that a message reads the same through both APIs.
const MAX_MESSAGE: usize = 1024;

/// What is said of one occurrence.
#[derive(Debug, Clone)]
pub enum Note {
    /// A sentence. Of several, the last is shown.
    Said(String),
    /// One of many like it, as the name of a deleted pod; `say` makes the sentence for any number of them.
    Item {
        /// Its name.
        item: String,
        /// Says it of all.
        say: fn(&Tally) -> String,
    },
}

/// How many occurrences there were, and the first few by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    count: u32,
    items: Vec<String>,
}

/// The notes of a series, merged.
#[derive(Debug)]
pub(super) struct Merged {
    tally: Tally,
    latest: Latest,
}

#[derive(Debug)]
enum Latest {
    Said(String),
    Items(fn(&Tally) -> String),
}

impl Tally {
    /// How many.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The names: `a`, `a, b, c`, or `a, b, c and 34 more`.
    pub fn names(&self) -> String {
        let mut names = self.items.join(", ");
        let more = self.count as usize - self.items.len();
        if more > 0 {
            // Writing to a String cannot fail.
            let _ = write!(names, " and {more} more");
        }
        names
    }

    fn add(&mut self, item: Option<String>) {
        self.count = self.count.saturating_add(1);
        self.items.extend(item.filter(|_| self.items.len() < NAMED));
    }
}

impl Merged {
    pub(super) fn new(note: Note) -> Self {
        let mut merged = Self { tally: Tally::default(), latest: Latest::Said(String::new()) };
        merged.add(note);
        merged
    }

    pub(super) fn add(&mut self, note: Note) {
        match note {
            Note::Said(text) => {
                self.tally.add(None);
                self.latest = Latest::Said(text);
            }
            Note::Item { item, say } => {
                self.tally.add(Some(item));
                self.latest = Latest::Items(say);
            }
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.tally.count
    }

    pub(super) fn message(&self) -> String {
        let mut message = match &self.latest {
            Latest::Said(text) => text.clone(),
            Latest::Items(say) => say(&self.tally),
        };
        if message.len() > MAX_MESSAGE {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE - '…'.len_utf8()));
            message.push('…');
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted(tally: &Tally) -> String {
        match tally.count() {
            1 => format!("Deleted pod: {}", tally.names()),
            count => format!("Deleted {count} pods: {}", tally.names()),
        }
    }

    fn pods(count: usize) -> Merged {
        let note = |n: usize| Note::Item { item: format!("p{n}"), say: deleted };
        let mut merged = Merged::new(note(1));
        (2..=count).for_each(|n| merged.add(note(n)));
        merged
    }

    #[test]
    fn many_are_named_shortly() {
        assert_eq!(pods(1).message(), "Deleted pod: p1");
        assert_eq!(pods(3).message(), "Deleted 3 pods: p1, p2, p3");
        assert_eq!(pods(37).message(), "Deleted 37 pods: p1, p2, p3 and 34 more");
        assert_eq!(pods(100_000).tally.items.len(), NAMED, "memory is bounded");
    }

    #[test]
    fn the_last_sentence_is_shown() {
        let mut merged = Merged::new(Note::Said("2 of 3 are down".into()));
        merged.add(Note::Said("3 of 3 are down".into()));
        assert_eq!((merged.count(), merged.message().as_str()), (2, "3 of 3 are down"));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let message = Merged::new(Note::Said("ü".repeat(2000))).message();
        assert!(message.len() <= MAX_MESSAGE && message.ends_with("ü…"), "{}", message.len());
    }
}
