//! The logs of a feed: one of all keys, and one of each group.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::bells::{Bells, Topic};
use super::log::{Log, Slot};
use super::{Entry, Selection};

#[derive(Debug)]
pub(super) struct State<V> {
    /// The version of the newest change.
    pub(super) head: u64,
    /// Up to this version, keys that are gone may have been forgotten.
    pub(super) horizon: u64,
    pub(super) bells: Bells,
    all: Log<V>,
    groups: HashMap<Arc<str>, Log<V>>,
    /// Where keys are remembered to be gone: the version, and the group's log or (`None`) that of all.
    gone: BTreeSet<(u64, Option<Arc<str>>)>,
    most_gone: usize,
    live: usize,
}

impl<V> State<V> {
    pub(super) fn new(most_gone: usize) -> Self {
        Self {
            head: 0,
            horizon: 0,
            bells: Bells::default(),
            all: Log::default(),
            groups: HashMap::new(),
            gone: BTreeSet::new(),
            most_gone,
            live: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    #[cfg(test)]
    pub(super) fn gone_len(&self) -> usize {
        self.gone.len()
    }

    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.all.get(key)?.1.value.as_ref()
    }

    fn log(&mut self, group: Option<&Arc<str>>) -> &mut Log<V> {
        match group {
            None => &mut self.all,
            Some(group) => self.groups.entry(group.clone()).or_default(),
        }
    }

    /// Writes a key's newest change into one log.
    fn put(&mut self, group: Option<Arc<str>>, slot: Slot<V>) {
        let (version, gone) = (self.head, slot.value.is_none());
        let before = self.log(group.as_ref()).put(version, slot);
        if let Some((version, Slot { value: None, .. })) = before {
            self.gone.remove(&(version, group.clone()));
        }
        if gone {
            self.gone.insert((version, group));
        }
    }

    /// Forgets the keys that are gone for longest, as far as there are too many.
    fn forget(&mut self) {
        while self.gone.len() > self.most_gone
            && let Some((version, group)) = self.gone.pop_first()
        {
            self.horizon = version;
            self.log(group.as_ref()).forget(version);
            if let Some(group) = group
                && self.groups.get(&group).is_some_and(Log::is_empty)
            {
                self.groups.remove(&group);
            }
        }
    }
}

impl<V: Entry> State<V> {
    /// Sets or removes a key; nothing if that is no change.
    pub(super) fn set(&mut self, key: &str, value: Option<V>) -> Option<()> {
        let before = self.all.get(key).map(|(_, slot)| slot.clone());
        if before.as_ref().and_then(|slot| slot.value.as_ref()) == value.as_ref() {
            return None;
        }
        self.head += 1;
        let (key, older, scope) = match before {
            Some(Slot { key, value, scope }) => (key, value, scope),
            None => (Arc::from(key), None, self.head),
        };
        self.live = self.live + usize::from(value.is_some()) - usize::from(older.is_some());
        let (left, entered) = (self.group_of(older.as_ref()), self.group_of(value.as_ref()));
        let same_scope = match (&older, &value) {
            (Some(older), Some(newer)) => left == entered && newer.matches_like(older),
            (None, _) | (_, None) => false,
        };
        let slot = Slot { key: key.clone(), value, scope: if same_scope { scope } else { self.head } };
        if let Some(group) = left.as_ref().filter(|_| left != entered) {
            self.put(Some(group.clone()), Slot { key: key.clone(), value: None, scope: self.head });
            self.bells.ring(&Topic::Group(group.clone()));
        }
        if let Some(group) = entered {
            self.put(Some(group.clone()), slot.clone());
            self.bells.ring(&Topic::Group(group));
        }
        self.put(None, slot);
        self.bells.ring(&Topic::Key(key));
        self.bells.ring(&Topic::All);
        self.forget();
        Some(())
    }

    /// All that is selected, in no order.
    pub(super) fn read(&self, selection: &Selection<V>) -> Vec<(Arc<str>, V)> {
        self.after(selection, 0, usize::MAX)
            .0
            .into_iter()
            .filter(|(_, slot)| selection.names(&slot.key))
            .filter_map(|(_, slot)| {
                let value = slot.value.as_ref().filter(|value| selection.chooses(value))?;
                Some((slot.key.clone(), value.clone()))
            })
            .collect()
    }

    /// At least what changed after a version of the keys a selection may be about: at most `limit` changes, oldest first,
    /// and the version up to which these are all.
    pub(super) fn after(&self, selection: &Selection<V>, version: u64, limit: usize) -> (Vec<(u64, &Slot<V>)>, u64) {
        let enough = limit.saturating_add(1);
        let mut found: Vec<_> = match (&selection.keys, &selection.groups) {
            (Some(keys), _) => {
                let slots = keys.iter().filter_map(|key| self.all.get(key));
                slots.filter(|(changed, _)| *changed > version).collect()
            }
            (None, Some(groups)) => {
                let logs = groups.iter().filter_map(|group| self.groups.get(group));
                logs.flat_map(|log| log.after(version).take(enough)).collect()
            }
            (None, None) => self.all.after(version).take(enough).collect(),
        };
        found.sort_by_key(|(changed, _)| *changed);
        if found.len() <= limit {
            return (found, self.head);
        }
        // A key that went from one group to another is in both logs with one version: both or none of these.
        let end = found[limit - 1].0;
        found.retain(|(changed, _)| *changed <= end);
        (found, end)
    }

    /// The group's name as its log has it.
    fn group_of(&self, value: Option<&V>) -> Option<Arc<str>> {
        let group = value?.group()?;
        Some(self.groups.get_key_value(group).map_or_else(|| Arc::from(group), |(group, _)| group.clone()))
    }
}
