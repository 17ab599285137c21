//! `RolloutService`: how far each run of a controller is, and why it does not go on, pool by pool.
//!
//! What is served is one [`Feed`] of rollouts and pools, grouped by target. The replica that leads tells of its runs from
//! their plans ([`Served::tell`]); of all others, and on a stand-by of every one, what their FleetRollout says is taken in
//! every second ([`Served::sweep`]).

mod row;
mod select;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::fleet_rollout::{FleetRollout, Phase};
use chassis::feed::{self, Feed};
use planner::fleet::Uid;
use planner::rollout::{Progress, Report, Run};
use serde::Serialize;

use crate::mirror::Mirrored as _;
use crate::watch::{ResourceVersion, Versioned as _};

pub use service::Service;
pub use settings::Settings;

use row::Row;

/// What is served. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Served(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    feed: Feed<Row>,
    sources: Mutex<Sources>,
    listed: AtomicBool,
}

/// Where the rows of the feed come from.
#[derive(Debug, Default)]
struct Sources {
    /// Told from plans, by target.
    live: HashMap<Uid, Live>,
    /// Every rollout by key, with the version of the object that its row was read from; none where a plan told it.
    objects: HashMap<String, Option<ResourceVersion>>,
}

#[derive(Debug)]
struct Live {
    rollout: String,
    pools: BTreeSet<String>,
}

/// What is served, in numbers.
#[derive(Debug, Serialize)]
pub struct ServedDump {
    rollouts: usize,
    told_from_plans: usize,
    rows: usize,
    watches: usize,
}

impl Default for Inner {
    fn default() -> Self {
        Self { feed: Feed::new(feed::Settings::default()), sources: Mutex::default(), listed: AtomicBool::new(false) }
    }
}

impl Served {
    /// Tells of a run from its plan; `phase` is the one of its status, `progress` says where its target is up to date.
    pub fn tell(&self, object: &FleetRollout, phase: Phase, report: &Report, run: &Run, progress: &Progress) {
        let Some(target) = object.belongs_to() else { return };
        let (rollout, mut changes) = (row::key(object), row::of_plan(object, phase, report, run, progress));
        let pools = changes[1..].iter().map(|(key, _)| key.clone()).collect();
        let mut sources = self.sources();
        sources.objects.insert(rollout.clone(), None);
        let before = sources.live.insert(target, Live { rollout, pools });
        let now = &sources.live[&target].pools;
        let gone = before.into_iter().flat_map(|live| live.pools).filter(|pool| !now.contains(pool));
        changes.extend(gone.map(|pool| (pool, None)));
        self.apply(&changes);
    }

    /// The target has no run here any more: only its objects tell of it.
    pub fn forget(&self, target: Uid) {
        let mut sources = self.sources();
        let pools = sources.live.remove(&target).into_iter().flat_map(|live| live.pools);
        self.apply(&pools.map(|pool| (pool, None)).collect::<Vec<_>>());
    }

    /// Takes in what the objects say of the rollouts that no plan of this process tells of: of all of them, when it does not
    /// lead. Everything is known from the first time on.
    pub fn sweep(&self, objects: &[Arc<FleetRollout>], leading: bool) {
        let mut sources = self.sources();
        let mut changes = Vec::new();
        if !leading {
            let pools = sources.live.drain().flat_map(|(_, live)| live.pools);
            changes.extend(pools.map(|pool| (pool, None)));
        }
        let mut gone = std::mem::take(&mut sources.objects);
        for object in objects {
            let key = row::key(object);
            let live = object.belongs_to().and_then(|target| sources.live.get(&target));
            let version = live.is_none_or(|live| live.rollout != key).then(|| object.resource_version());
            let before = gone.remove(&key).flatten();
            if version.is_some() && version != before {
                changes.push((key.clone(), Some(row::of_object(object))));
            }
            sources.objects.insert(key, version);
        }
        changes.extend(gone.into_keys().map(|key| (key, None)));
        self.apply(&changes);
        self.0.listed.store(true, Ordering::Release);
    }

    /// What `AdminService` shows of it.
    pub fn dump(&self) -> ServedDump {
        let sources = self.sources();
        ServedDump {
            rollouts: sources.objects.len(),
            told_from_plans: sources.live.len(),
            rows: self.0.feed.len(),
            watches: self.0.feed.cursors(),
        }
    }

    fn apply(&self, changes: &[(String, Option<Row>)]) {
        self.0.feed.apply(changes.iter().map(|(key, row)| (&**key, row.clone())));
    }

    fn is_listed(&self) -> bool {
        self.0.listed.load(Ordering::Acquire)
    }

    /// Changes of the feed are made under this lock: of two threads with news of one run, the later one has the newer.
    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.0.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
