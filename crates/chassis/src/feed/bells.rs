//! Whom to wake for a change: cursors by what they follow, so that a change costs only those it concerns.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

/// Something that cursors wait for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    /// Any change.
    All,
    /// A change of this key.
    Key(Arc<str>),
    /// A change in this group, or a key that came to it or left it.
    Group(Arc<str>),
}

/// The cursors there are.
#[derive(Debug, Default)]
pub(super) struct Bells {
    topics: HashMap<Topic, HashMap<u64, Arc<Notify>>>,
    hung: u64,
    len: usize,
}

impl Bells {
    /// A bell that rings for these topics, and the number by which it is taken down.
    pub(super) fn hang(&mut self, topics: &[Topic]) -> (u64, Arc<Notify>) {
        let (number, bell) = (self.hung, Arc::new(Notify::new()));
        self.hung += 1;
        self.len += 1;
        for topic in topics {
            self.topics.entry(topic.clone()).or_default().insert(number, bell.clone());
        }
        (number, bell)
    }

    pub(super) fn take_down(&mut self, number: u64, topics: &[Topic]) {
        self.len -= 1;
        for topic in topics {
            if let Some(bells) = self.topics.get_mut(topic) {
                bells.remove(&number);
                if bells.is_empty() {
                    self.topics.remove(topic);
                }
            }
        }
    }

    pub(super) fn ring(&self, topic: &Topic) {
        // A bell that rings already stays so: the cursor looks once.
        self.topics.get(topic).into_iter().flat_map(HashMap::values).for_each(|bell| bell.notify_one());
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}
