//! Things by name and by group.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A thing with a name.
pub trait Row: Clone + PartialEq {
    /// Its name.
    fn name(&self) -> &str;

    /// The group it is looked up by, if any.
    fn group(&self) -> Option<&str>;
}

/// The things there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<T> {
    by_name: BTreeMap<Arc<str>, T>,
    by_group: HashMap<String, BTreeSet<Arc<str>>>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), by_group: HashMap::new() }
    }
}

impl<T: Row> Rows<T> {
    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name)
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        self.by_name.values()
    }

    /// Those of a group, by name.
    pub fn of(&self, group: &str) -> impl Iterator<Item = &T> {
        self.by_group.get(group).into_iter().flatten().filter_map(|name| self.by_name.get(name))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether that is news.
    pub(super) fn put(&mut self, row: T) -> bool {
        let name = match self.by_name.get_key_value(row.name()) {
            Some((_, known)) if *known == row => return false,
            Some((name, _)) => name.clone(),
            None => Arc::from(row.name()),
        };
        let group = row.group().map(str::to_owned);
        if let Some(before) = self.by_name.insert(name.clone(), row)
            && before.group() != group.as_deref()
        {
            self.leave(&before);
        }
        if let Some(group) = group {
            self.by_group.entry(group).or_default().insert(name);
        }
        true
    }

    /// Whether that is news.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let removed = self.by_name.remove(name);
        removed.inspect(|row| self.leave(row)).is_some()
    }

    fn leave(&mut self, row: &T) {
        if let Some(group) = row.group()
            && let Some(names) = self.by_group.get_mut(group)
        {
            names.remove(row.name());
            if names.is_empty() {
                self.by_group.remove(group);
            }
        }
    }
}
