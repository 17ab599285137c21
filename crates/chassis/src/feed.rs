//! A keyed set that many streams follow: each gets what there is, and then what changes.
//!
//! A [`Feed`] keeps the newest value of each key with the version at which it changed, in a log that compacts itself: a
//! key that changed many times is in it once. A stream holds a [`Cursor`], which is a position in that log and nothing
//! else: it pulls what is newer whenever its client can take it. So there is no queue per stream, a slow client costs
//! nothing and gets merged changes, and a client that was away resumes from the [`Token`] it got last.
//!
//! What a feed cannot keep for ever is that something is gone. It remembers a bounded number of [`gone`](Settings::gone)
//! keys; who has not seen an older one begins anew with a [`Reset`]. So does who comes with a token of another process.
//!
//! ```
//! use chassis::feed::{Entry, Feed, Selection, Settings};
//!
//! #[derive(Clone, PartialEq)]
//! struct Sheep { flock: String, shorn: bool }
//!
//! impl Entry for Sheep {
//!     fn group(&self) -> Option<&str> {
//!         Some(&self.flock)
//!     }
//! }
//!
//! let feed = Feed::new(Settings::default());
//! feed.set("dolly", Some(Sheep { flock: "hill".into(), shorn: false }));
//! feed.set("molly", Some(Sheep { flock: "dale".into(), shorn: true }));
//!
//! let mut cursor = feed.follow(Selection::all().in_groups(["hill"]), &[]).unwrap();
//! let batch = cursor.pull(100);
//! assert_eq!((batch.changed.len(), batch.synced), (1, true));
//!
//! feed.set("dolly", None);
//! let mut resumed = feed.follow(Selection::all().in_groups(["hill"]), &batch.token.encode()).unwrap();
//! assert_eq!(&*resumed.pull(100).removed[0], "dolly");
//! ```

mod bells;
mod cursor;
mod log;
mod selection;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod token;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use cursor::{Batch, Cursor};
pub use selection::Selection;
pub use stream::{Teller, Terms, stream};
pub use token::{Reset, Token, TokenError};

use bells::Topic;
use state::State;

/// The value of a key. Cloned for every stream: an [`Arc`], or small.
pub trait Entry: Clone + PartialEq + Send + Sync + 'static {
    /// The group it is in, if any. Streams that follow groups are woken, and look, for these alone.
    fn group(&self) -> Option<&str>;

    /// Whether [`Selection::matching`] says the same of both. Where in doubt, `false`: streams are then told that the key
    /// is gone where it does not match.
    fn matches_like(&self, _older: &Self) -> bool {
        true
    }
}

/// How much a feed remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many keys that are gone are remembered; a key with a group counts twice, and one that changed its group once.
    pub gone: usize,
}

/// The set. Cheap to clone; all clones are one.
#[derive(Debug)]
pub struct Feed<V> {
    shared: Arc<Shared<V>>,
}

#[derive(Debug)]
struct Shared<V> {
    /// Tells this feed's tokens from those of every other.
    epoch: u64,
    state: Mutex<State<V>>,
}

impl Default for Settings {
    /// Twice the largest fleet of the benchmarks (5,000 nodes) may go at once, each in a group.
    fn default() -> Self {
        Self { gone: 20_000 }
    }
}

impl<V> Clone for Feed<V> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<V: Entry> Feed<V> {
    /// An empty set with an epoch of its own.
    pub fn new(settings: Settings) -> Self {
        let epoch = RandomState::new().hash_one(std::process::id());
        Self { shared: Arc::new(Shared { epoch, state: Mutex::new(State::new(settings.gone)) }) }
    }

    /// Sets the value of a key, or removes it (`None`). Whether that changed anything.
    pub fn set(&self, key: &str, value: Option<V>) -> bool {
        self.apply([(key, value)]) > 0
    }

    /// Sets or removes many keys at once; a stream sees all of it or nothing, as far as its batches are large enough.
    /// Returns how many changed.
    pub fn apply<'a>(&self, changes: impl IntoIterator<Item = (&'a str, Option<V>)>) -> usize {
        let mut state = self.shared.lock();
        changes.into_iter().filter_map(|(key, value)| state.set(key, value)).count()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<V> {
        self.shared.lock().get(key).cloned()
    }

    /// The keys and values selected, by key.
    pub fn read(&self, selection: &Selection<V>) -> Vec<(Arc<str>, V)> {
        let mut found = self.shared.lock().read(selection);
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.shared.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many cursors there are.
    pub fn cursors(&self) -> usize {
        self.shared.lock().bells.len()
    }

    /// Follows the set from where `token` says, or from the beginning where it is empty. A token that is one, but not of
    /// this feed, this selection or this age, begins anew: the first batch tells by its [`Reset`].
    ///
    /// # Errors
    /// When `token` is not one of any feed.
    pub fn follow(&self, selection: Selection<V>, token: &[u8]) -> Result<Cursor<V>, TokenError> {
        let token = if token.is_empty() { None } else { Some(Token::decode(token)?) };
        Ok(Cursor::new(self.shared.clone(), selection, token))
    }
}

impl<V> Shared<V> {
    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
