//! A log that compacts itself: each key once, at the version of its newest change.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// What a log holds of a key.
#[derive(Clone, Debug)]
pub(super) struct Slot<V> {
    pub(super) key: Arc<str>,
    /// `None`: it is gone.
    pub(super) value: Option<V>,
    /// The version since which every selection has said the same of the key.
    pub(super) scope: u64,
}

#[derive(Debug)]
pub(super) struct Log<V> {
    slots: BTreeMap<u64, Slot<V>>,
    versions: HashMap<Arc<str>, u64>,
}

impl<V> Default for Log<V> {
    fn default() -> Self {
        Self { slots: BTreeMap::new(), versions: HashMap::new() }
    }
}

impl<V> Log<V> {
    /// Writes the newest change of a key; returns the one it replaces, with its version.
    pub(super) fn put(&mut self, version: u64, slot: Slot<V>) -> Option<(u64, Slot<V>)> {
        let before = self.versions.insert(slot.key.clone(), version);
        let before = before.and_then(|version| Some((version, self.slots.remove(&version)?)));
        self.slots.insert(version, slot);
        before
    }

    pub(super) fn forget(&mut self, version: u64) {
        if let Some(slot) = self.slots.remove(&version) {
            self.versions.remove(&slot.key);
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<(u64, &Slot<V>)> {
        let version = *self.versions.get(key)?;
        Some((version, self.slots.get(&version)?))
    }

    /// What changed after a version, oldest first.
    pub(super) fn after(&self, version: u64) -> impl Iterator<Item = (u64, &Slot<V>)> {
        self.slots.range((Bound::Excluded(version), Bound::Unbounded)).map(|(version, slot)| (*version, slot))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
