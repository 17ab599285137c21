//! What is still to come, by time; of the same time, in the order in which it was written down.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::Timestamp;

#[derive(Debug)]
pub(crate) struct Agenda<E> {
    entries: BinaryHeap<Reverse<Entry<E>>>,
    written: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: Timestamp,
    nth: u64,
    event: E,
}

impl<E> Agenda<E> {
    pub(crate) const fn new() -> Self {
        Self { entries: BinaryHeap::new(), written: 0 }
    }

    pub(crate) fn add(&mut self, at: Timestamp, event: E) {
        self.written += 1;
        self.entries.push(Reverse(Entry { at, nth: self.written, event }));
    }

    /// The next entry, if it is due by then.
    pub(crate) fn next_until(&mut self, until: Timestamp) -> Option<(Timestamp, E)> {
        self.entries.peek().filter(|entry| entry.0.at <= until)?;
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.nth) == (other.at, other.nth)
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.nth).cmp(&(other.at, other.nth))
    }
}
