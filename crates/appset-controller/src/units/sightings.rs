//! Since when workloads are ready or in trouble and pools reachable, as this process saw it: no clock is compared with another.

use std::collections::HashMap;
use std::mem;

use jiff::Timestamp;
use planner::fleet::{Link, Name, Readiness, Uid};

use super::{NONE, Reach};
use crate::children::Child;
use crate::pools::Pool;

/// What was seen of one YurtAppSet's workloads and pools. A process that begins has seen nothing: all that it finds is so from then
/// on.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    /// By UID.
    workloads: HashMap<Uid, Known>,
    /// Whether each was reachable, and since when.
    pools: HashMap<Uid, (bool, Timestamp)>,
}

/// What was seen of a workload.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sight {
    /// Ready, and since when: all its pods are of the newest revision and available, or, of an older one, it serves.
    pub(super) ready: Option<Readiness>,
    /// Since when it does not get on.
    pub(super) trouble: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Known {
    revision: Name,
    sight: Sight,
}

impl Sightings {
    /// Looks at the pools that are chosen, each with its workload. `newest` is the newest revision.
    pub(super) fn look<'a>(
        &mut self,
        now: Timestamp,
        pools: impl Iterator<Item = (&'a Pool, Option<&'a Child>)>,
        newest: &str,
        reach: &Reach,
    ) {
        let (mut workloads, before) = (mem::take(&mut self.workloads), mem::take(&mut self.pools));
        self.workloads.reserve(workloads.len());
        self.pools.reserve(before.len());
        for (pool, child) in pools {
            let before = before.get(&pool.uid);
            let is_reachable = reach.of(pool).or_else(|| before.map(|(known, _)| *known)).unwrap_or(pool.reachable);
            let since = before.filter(|(known, _)| *known == is_reachable).map_or(now, |(_, since)| *since);
            self.pools.insert(pool.uid, (is_reachable, since));
            let Some(child) = child else { continue };
            let before = workloads.remove(&child.id);
            self.workloads.insert(child.id, Known::of(child, newest, before.as_ref(), now));
        }
    }

    pub(super) fn of(&self, child: &Child) -> Sight {
        self.workloads.get(&child.id).map(|known| known.sight).unwrap_or_default()
    }

    pub(super) fn link(&self, pool: &Pool, now: Timestamp) -> Link {
        match self.pools.get(&pool.uid) {
            Some((true, since)) => Link::Ready(*since),
            Some((false, since)) => Link::Down(*since),
            None if pool.reachable => Link::Ready(now),
            None => Link::Down(now),
        }
    }
}

impl Known {
    fn of(child: &Child, newest: &str, before: Option<&Self>, now: Timestamp) -> Self {
        let revision = revision(child);
        let at_first_sight = before.is_none();
        let before = before.filter(|known| known.revision == revision).map(|known| known.sight).unwrap_or_default();
        let is_ready = if *revision == *newest { child.is_complete() } else { child.serves() };
        let ready = Readiness { since: now, at_first_sight };
        let sight = Sight {
            ready: is_ready.then(|| before.ready.unwrap_or(ready)),
            trouble: child.is_in_trouble().then(|| before.trouble.unwrap_or(now)),
        };
        Self { revision, sight }
    }
}

/// The revision that a workload's label names; empty if it names none.
pub(super) fn revision(child: &Child) -> Name {
    child.revision.clone().filter(|revision| **revision != *NONE).unwrap_or_else(|| "".into())
}
