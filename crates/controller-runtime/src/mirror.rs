//! A mirror of one kind of small objects: whole, by UID, kept up to date by a watch.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::daemon_set::{DaemonSet, Metadata};
use kube::Client;
use planner::fleet::Uid;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::watch::{ResourceVersion, Versioned, Watch, WatchMetrics, WatchSignal, WatchTarget};

/// An object that can be mirrored.
pub trait Mirrored: Versioned + DeserializeOwned + Send + Sync + Unpin + 'static {
    /// `metadata.uid`.
    fn uid(&self) -> Uid;

    /// The object under which it is looked up and which is woken by its changes: its owner's UID, or its own.
    fn belongs_to(&self) -> Option<Uid>;

    /// Whether it differs from an older version of itself in nothing that anybody has to look at again.
    fn is_like(&self, older: &Self) -> bool;
}

/// The mirror. Cheap to clone; all clones are one.
#[derive(Debug)]
pub struct Mirror<T> {
    state: Arc<Mutex<State<T>>>,
    relist: Arc<Notify>,
}

#[derive(Debug)]
struct State<T> {
    objects: HashMap<Uid, Arc<T>>,
    by_owner: HashMap<Uid, BTreeMap<Uid, Arc<T>>>,
    named: Option<Vec<Uid>>,
    listed: bool,
}

impl<T> Clone for Mirror<T> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), relist: self.relist.clone() }
    }
}

impl<T> Default for Mirror<T> {
    fn default() -> Self {
        let state = State { objects: HashMap::new(), by_owner: HashMap::new(), named: None, listed: false };
        Self { state: Arc::new(Mutex::new(state)), relist: Arc::default() }
    }
}

impl Versioned for DaemonSet {
    fn resource_version(&self) -> ResourceVersion {
        ResourceVersion(self.metadata.resource_version.parse().unwrap_or_default())
    }
}

impl Mirrored for DaemonSet {
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

    /// The objects that belong to this UID, by their own.
    pub fn of(&self, owner: Uid) -> Vec<Arc<T>> {
        self.lock().by_owner.get(&owner).into_iter().flatten().map(|(_, object)| object.clone()).collect()
    }

    /// All objects, in no order.
    pub fn all(&self) -> Vec<Arc<T>> {
        self.lock().objects.values().cloned().collect()
    }

    /// Whether a full list is complete and none is under way.
    pub fn is_listed(&self) -> bool {
        self.lock().listed
    }

    /// Starts the watch over with a consistent full list. From now on and until that is complete the mirror is not listed.
    pub fn relist(&self) {
        self.lock().listed = false;
        self.relist.notify_one();
    }

    /// Follows the watch, and tells `on_change` to whom each change belongs (`None`: a full list was completed). Never
    /// ends.
    pub async fn follow(
        self,
        client: Client,
        target: WatchTarget,
        metrics: WatchMetrics,
        mut on_change: impl FnMut(Option<Uid>),
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

    fn take(&self, signal: WatchSignal<T>, on_change: &mut impl FnMut(Option<Uid>)) {
        let mut state = self.lock();
        let changed = match signal {
            WatchSignal::Restarted => {
                state.named = Some(Vec::new());
                state.listed = false;
                return;
            }
            WatchSignal::Applied(object) => state.apply(Arc::new(object)),
            WatchSignal::Deleted(object) => state.remove(object.uid()),
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
        if let Some(owner) = changed {
            on_change(Some(owner));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Mirrored> State<T> {
    fn apply(&mut self, object: Arc<T>) -> Option<Uid> {
        let uid = object.uid();
        if let Some(named) = &mut self.named {
            named.push(uid);
        }
        let owner = object.belongs_to();
        let older = self.objects.insert(uid, object.clone());
        let news = older.as_ref().is_none_or(|older| !object.is_like(older));
        if let Some(before) = older.and_then(|older| older.belongs_to()).filter(|before| Some(*before) != owner) {
            self.disown(before, uid);
        }
        if let Some(owner) = owner {
            self.by_owner.entry(owner).or_default().insert(uid, object);
        }
        owner.filter(|_| news)
    }

    fn remove(&mut self, uid: Uid) -> Option<Uid> {
        let owner = self.objects.remove(&uid)?.belongs_to();
        if let Some(owner) = owner {
            self.disown(owner, uid);
        }
        owner
    }

    fn disown(&mut self, owner: Uid, uid: Uid) {
        if let Some(owned) = self.by_owner.get_mut(&owner) {
            owned.remove(&uid);
            if owned.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
    }
}
