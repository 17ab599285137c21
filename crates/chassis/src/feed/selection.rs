//! What of a feed a stream follows.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use super::{Entry, Topic};

type Matches<V> = Arc<dyn Fn(&V) -> bool + Send + Sync>;

/// What a stream follows: keys that fulfil every condition there is. Without conditions, all.
pub struct Selection<V> {
    pub(super) groups: Option<BTreeSet<Arc<str>>>,
    pub(super) keys: Option<BTreeSet<Arc<str>>>,
    matches: Option<(String, Matches<V>)>,
}

impl<V> Clone for Selection<V> {
    fn clone(&self) -> Self {
        Self { groups: self.groups.clone(), keys: self.keys.clone(), matches: self.matches.clone() }
    }
}

impl<V> fmt::Debug for Selection<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matching = self.matches.as_ref().map(|(description, _)| description);
        f.debug_struct("Selection")
            .field("groups", &self.groups)
            .field("keys", &self.keys)
            .field("matching", &matching)
            .finish()
    }
}

impl<V: Entry> Selection<V> {
    /// Everything.
    pub fn all() -> Self {
        Self { groups: None, keys: None, matches: None }
    }

    /// Of that, the keys in one of these groups.
    #[must_use]
    pub fn in_groups<G: Into<Arc<str>>>(self, groups: impl IntoIterator<Item = G>) -> Self {
        Self { groups: Some(groups.into_iter().map(Into::into).collect()), ..self }
    }

    /// Of that, these keys.
    #[must_use]
    pub fn of_keys<K: Into<Arc<str>>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        Self { keys: Some(keys.into_iter().map(Into::into).collect()), ..self }
    }

    /// Of that, the keys whose value matches. [`Entry::matches_like`] must know what the condition looks at. Two
    /// conditions with the same `description` must be the same: a token is only good for the selection it was given for.
    #[must_use]
    pub fn matching(self, description: String, matches: impl Fn(&V) -> bool + Send + Sync + 'static) -> Self {
        Self { matches: Some((description, Arc::new(matches))), ..self }
    }

    /// Whether a key is among those selected, whatever its value.
    pub(super) fn names(&self, key: &str) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.contains(key))
    }

    /// Whether a value is selected under a key that is.
    pub(super) fn chooses(&self, value: &V) -> bool {
        let grouped =
            self.groups.as_ref().is_none_or(|groups| value.group().is_some_and(|group| groups.contains(group)));
        grouped && self.matches.as_ref().is_none_or(|(_, matches)| matches(value))
    }

    /// What a stream of this selection waits for.
    pub(super) fn topics(&self) -> Vec<Topic> {
        match (&self.keys, &self.groups) {
            (Some(keys), _) => keys.iter().cloned().map(Topic::Key).collect(),
            (None, Some(groups)) => groups.iter().cloned().map(Topic::Group).collect(),
            (None, None) => vec![Topic::All],
        }
    }

    /// Tells selections apart in tokens.
    pub(super) fn fingerprint(&self) -> u32 {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        for names in [&self.keys, &self.groups] {
            hash.write_u8(u8::from(names.is_some()));
            for name in names.iter().flatten() {
                hash.write(name.as_bytes());
                hash.write_u8(0xff);
            }
        }
        if let Some((description, _)) = &self.matches {
            hash.write(description.as_bytes());
        }
        u32::from_be_bytes(hash.folded())
    }
}

/// FNV-1a, 64 bits: the standard library promises no hash that is the same in two processes.
pub(super) struct Fnv(pub(super) u64);

impl Fnv {
    /// The hash in half as many bytes.
    pub(super) fn folded(&self) -> [u8; 4] {
        let (left, right) = (self.0 >> 32, self.0 & 0xffff_ffff);
        let [.., a, b, c, d] = (left ^ right).to_be_bytes();
        [a, b, c, d]
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
