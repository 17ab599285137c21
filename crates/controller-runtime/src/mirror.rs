//! A mirror of one kind of small objects: whole, by UID, kept up to date by a watch.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::daemon_set::{DaemonSet, Metadata};
use kube::Client;
use planner::fleet::Uid;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::watch::{ResourceVersion, Versioned, Watch, WatchError, WatchMetrics, WatchSignal, WatchTarget};

/// An object that can be mirrored.
pub trait Mirrored: Versioned + DeserializeOwned + Send + Sync + Unpin + 'static {
    /// What it is looked up by and wakes: its owner's UID, the name of its pool.
    type Owner: Debug + Clone + Ord + Send + 'static;

    /// `metadata.uid`.
    fn uid(&self) -> Uid;

    /// Under what it is looked up, and what is woken by its changes. When that changes, both are woken.
    fn belongs_to(&self) -> Option<Self::Owner>;

    /// Whether it differs from an older version of itself in nothing that anybody has to look at again.
    fn is_like(&self, older: &Self) -> bool;

    /// Takes over from an older version of itself what only this process knows: since when it has been seen like this.
    fn succeed(&mut self, _older: &Self) {}
}

/// The mirror. Cheap to clone; all clones are one.
#[derive(Debug)]
pub struct Mirror<T: Mirrored> {
    state: Arc<Mutex<State<T>>>,
    relist: Arc<Notify>,
}

#[derive(Debug)]
struct State<T: Mirrored> {
    objects: HashMap<Uid, Arc<T>>,
    by_owner: BTreeMap<T::Owner, BTreeMap<Uid, Arc<T>>>,
    named: Option<HashSet<Uid>>,
    listed: bool,
    heard: Option<Instant>,
    /// The watch broke, and nothing was heard since.
    broken: bool,
}

/// A watch that was silent for longer is not believed: bookmarks come about once a minute.
const SILENCE: Duration = Duration::from_secs(90);

impl<T: Mirrored> Clone for Mirror<T> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), relist: self.relist.clone() }
    }
}

impl<T: Mirrored> Default for Mirror<T> {
    fn default() -> Self {
        let state = State {
            objects: HashMap::new(),
            by_owner: BTreeMap::new(),
            named: None,
            listed: false,
            heard: None,
            broken: false,
        };
        Self { state: Arc::new(Mutex::new(state)), relist: Arc::default() }
    }
}

impl Versioned for DaemonSet {
    fn resource_version(&self) -> ResourceVersion {
        ResourceVersion(self.metadata.resource_version.parse().unwrap_or_default())
    }
}

impl Mirrored for DaemonSet {
    type Owner = Uid;

    fn uid(&self) -> Uid {
        self.metadata.uid.parse().unwrap_or_default()
    }

    fn belongs_to(&self) -> Option<Uid> {
        Some(self.uid())
    }

    /// The DaemonSet controller writes the counts of its status several times per pod.
    fn is_like(&self, older: &Self) -> bool {
        let Self {
            metadata: Metadata { resource_version: _, annotations, generation, deletion_timestamp, .. },
            spec,
            status,
        } = self;
        let before = &older.metadata;
        (annotations, generation, deletion_timestamp, spec, status)
            == (&before.annotations, &before.generation, &before.deletion_timestamp, &older.spec, &older.status)
    }
}

impl<T: Mirrored> Mirror<T> {
    /// The object with this UID.
    pub fn get(&self, uid: Uid) -> Option<Arc<T>> {
        self.lock().objects.get(&uid).cloned()
    }

    /// The objects that belong to this owner, by their UIDs.
    pub fn of<Q: Ord + ?Sized>(&self, owner: &Q) -> Vec<Arc<T>>
    where
        T::Owner: Borrow<Q>,
    {
        self.lock().by_owner.get(owner).into_iter().flatten().map(|(_, object)| object.clone()).collect()
    }

    /// How many objects belong to this owner.
    pub fn count<Q: Ord + ?Sized>(&self, owner: &Q) -> usize
    where
        T::Owner: Borrow<Q>,
    {
        self.lock().by_owner.get(owner).map_or(0, BTreeMap::len)
    }

    /// Everything that objects belong to, in order.
    pub fn owners(&self) -> Vec<T::Owner> {
        self.lock().by_owner.keys().cloned().collect()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.lock().objects.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.lock().objects.is_empty()
    }

    /// Takes in the answer to a write of ours, so that the writer reads what it wrote before the watch shows it. Nobody is
    /// woken, now or when the watch does.
    pub fn note(&self, object: T) {
        self.lock().apply(object);
    }

    /// Takes in that we deleted an object, as [`Mirror::note`] does what we wrote. If it lingers (finalizers), the watch shows it again.
    pub fn note_deleted(&self, uid: Uid) {
        self.lock().remove(uid);
    }

    /// All objects, in no order.
    pub fn all(&self) -> Vec<Arc<T>> {
        self.lock().objects.values().cloned().collect()
    }

    /// Whether a full list is complete and none is under way.
    pub fn is_listed(&self) -> bool {
        self.lock().listed
    }

    /// When the watch last brought anything, an event or a bookmark.
    pub fn heard(&self) -> Option<Instant> {
        self.lock().heard
    }

    /// How old what is known here is: nothing while the watch stands; else since the watch last brought anything.
    pub fn age(&self) -> Duration {
        let state = self.lock();
        let silence = state.heard.map_or(Duration::MAX, |heard| heard.elapsed());
        if state.broken || silence > SILENCE { silence } else { Duration::ZERO }
    }

    /// Starts the watch over with a consistent full list. From now on and until that is complete the mirror is not listed.
    pub fn relist(&self) {
        self.lock().listed = false;
        self.relist.notify_one();
    }

    /// Follows the watch, and tells `on_change` what each change belongs to (`None`: a full list was completed). Never
    /// ends.
    pub async fn follow(
        self,
        client: Client,
        target: WatchTarget,
        metrics: WatchMetrics,
        mut on_change: impl FnMut(Option<T::Owner>),
    ) {
        let start = || Watch::<T>::new(client.clone(), target.clone(), &metrics);
        let (mut watch, mut batch) = (start(), Vec::new());
        loop {
            tokio::select! {
                biased;
                () = self.relist.notified() => watch = start(),
                () = watch.next_batch(&mut batch) => {
                    for signal in batch.drain(..) {
                        self.take(signal, &mut on_change);
                    }
                }
            }
        }
    }

    fn take(&self, signal: WatchSignal<T>, on_change: &mut impl FnMut(Option<T::Owner>)) {
        let mut state = self.lock();
        match &signal {
            // The server ends every watch now and then; the next connection comes at once.
            WatchSignal::Interrupted { reason: WatchError::Ended | WatchError::Expired, .. } => {}
            WatchSignal::Interrupted { .. } => state.broken = true,
            _ => (state.heard, state.broken) = (Some(Instant::now()), false),
        }
        let changed = match signal {
            WatchSignal::Restarted => {
                state.named = Some(HashSet::new());
                state.listed = false;
                return;
            }
            WatchSignal::Applied(object) => state.apply(object),
            WatchSignal::Deleted(object) => [state.remove(object.uid()), None],
            WatchSignal::InitDone(_) => {
                let named = state.named.take().unwrap_or_default();
                let mut gone: Vec<Uid> = state.objects.keys().copied().collect();
                gone.retain(|uid| !named.contains(uid));
                let woken: Vec<_> = gone.into_iter().filter_map(|uid| state.remove(uid)).collect();
                state.listed = true;
                drop(state);
                woken.into_iter().for_each(|owner| on_change(Some(owner)));
                return on_change(None);
            }
            WatchSignal::Bookmark(_)
            | WatchSignal::Skipped
            | WatchSignal::Undecodable(_)
            | WatchSignal::Interrupted { .. } => return,
        };
        drop(state);
        changed.into_iter().flatten().for_each(|owner| on_change(Some(owner)));
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Mirrored> State<T> {
    /// Returns whom it wakes. An older version than the one known is an event that a noted write has overtaken; a full list
    /// is believed whatever its versions, since an API server restored from a backup counts on from an older one.
    fn apply(&mut self, mut object: T) -> [Option<T::Owner>; 2] {
        let uid = object.uid();
        let older = self.objects.get(&uid).cloned();
        match (&mut self.named, &older) {
            (Some(named), _) => _ = named.insert(uid),
            (None, Some(older)) if older.resource_version() > object.resource_version() => return [None, None],
            (None, _) => {}
        }
        older.iter().for_each(|older| object.succeed(older));
        let (owner, before) = (object.belongs_to(), older.as_ref().and_then(|older| older.belongs_to()));
        let news = older.is_none_or(|older| !object.is_like(&older));
        let object = Arc::new(object);
        self.objects.insert(uid, object.clone());
        let moved = before.filter(|before| Some(before) != owner.as_ref());
        if let Some(before) = &moved {
            self.disown(before, uid);
        }
        if let Some(owner) = &owner {
            self.by_owner.entry(owner.clone()).or_default().insert(uid, object);
        }
        [owner.filter(|_| news || moved.is_some()), moved]
    }

    fn remove(&mut self, uid: Uid) -> Option<T::Owner> {
        let owner = self.objects.remove(&uid)?.belongs_to();
        if let Some(owner) = &owner {
            self.disown(owner, uid);
        }
        owner
    }

    fn disown(&mut self, owner: &T::Owner, uid: Uid) {
        if let Some(owned) = self.by_owner.get_mut(owner) {
            owned.remove(&uid);
            if owned.is_empty() {
                self.by_owner.remove(owner);
            }
        }
    }
}

#[cfg(test)]
mod tests;
