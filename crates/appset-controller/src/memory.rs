//! What is remembered of a YurtAppSet between two looks: nothing that safety depends on, but for the pace of deletions, of which a
//! process that does not know assumes the worst.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use controller_runtime::rollouts::Rollout;
use jiff::Timestamp;
use planner::fleet::{Name, Uid};
use serde::Serialize;

use crate::commit::{Doubt, Fights, Troubles};
use crate::drift::Difference;
use crate::observe::{Occupied, Planned};
use crate::plan::{self, Hold};
use crate::trials::Trials;
use crate::units::Sightings;

/// What is remembered of all YurtAppSets.
#[derive(Debug, Default)]
pub(crate) struct Memories(Mutex<HashMap<Uid, Memory>>);

/// What is remembered of one YurtAppSet.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// `<namespace>/<name>`.
    key: Option<Name>,
    /// What was told last, by topic: an event tells only what is new.
    told: HashMap<&'static str, String>,
    /// When workloads were deleted; `None` until it is known what is assumed of the time before this process.
    pub(crate) deleted: Option<Vec<Timestamp>>,
    /// The last plans, if they left nothing to do.
    pub(crate) planned: Planned,
    /// Names that somebody else's workloads have.
    pub(crate) occupied: Occupied,
    /// What the last plan found, so that the next one need not look again.
    pub(crate) known: plan::Known,
    /// Which revision each pool had last.
    pub(crate) last_seen: plan::LastSeen,
    /// Differences that an apply left, by the workload's UID.
    pub(crate) stubborn: HashMap<String, BTreeSet<Difference>>,
    /// Writes that failed, and when they are tried again.
    pub(crate) troubles: Troubles,
    /// Repairs of what somebody changes again and again.
    pub(crate) fights: Fights,
    /// Writes of which nobody knows whether they were carried out.
    pub(crate) doubts: Vec<Doubt>,
    /// What dry runs said.
    pub(crate) trials: Trials,
    /// The run of its newest revision.
    pub(crate) rollout: Option<Box<Rollout>>,
    /// Since when its workloads are as they are.
    pub(crate) sightings: Sightings,
    /// When the status was written last.
    pub(crate) told_at: Option<Instant>,
    /// What was found last, for `AdminService.Dump`.
    pub(crate) report: Option<Report>,
}

/// A YurtAppSet, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) revision: String,
    pub(crate) pools: usize,
    /// How many pools and workloads are held, by why.
    pub(crate) held: BTreeMap<&'static str, usize>,
    /// How many writes failed.
    pub(crate) failed: usize,
}

impl Memories {
    /// Takes a YurtAppSet's memory; it is given back with [`Memories::put`].
    pub(crate) fn take(&self, uid: Uid, key: &Name) -> Memory {
        let known = self.lock().remove(&uid);
        known.unwrap_or_else(|| Memory { key: Some(key.clone()), ..Memory::default() })
    }

    pub(crate) fn put(&self, uid: Uid, memory: Memory) {
        self.lock().insert(uid, memory);
    }

    pub(crate) fn forget(&self, uid: Uid) {
        self.lock().remove(&uid);
    }

    /// Of the YurtAppSets of this name only these are left. Returns those that were remembered and are gone.
    pub(crate) fn keep(&self, key: &Name, there: &[Uid]) -> Vec<Uid> {
        let goes = |uid: &Uid, memory: &mut Memory| memory.key.as_ref() == Some(key) && !there.contains(uid);
        self.lock().extract_if(|uid, memory| goes(uid, memory)).map(|(uid, _)| uid).collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Whether pools of a YurtAppSet waited for others when it was looked at last. So it is where nobody knows.
    pub(crate) fn has_waiting(&self, uid: Uid) -> bool {
        let wave = Hold::Wave(String::new()).kind();
        let memories = self.lock();
        let report = memories.get(&uid).and_then(|memory| memory.report.as_ref());
        report.is_none_or(|report| report.held.contains_key(wave))
    }

    /// The last report of each YurtAppSet, by name.
    pub(crate) fn reports(&self) -> Vec<(String, Report)> {
        let reported = |memory: &Memory| Some((memory.key.as_ref()?.to_string(), memory.report.clone()?));
        let mut reports: Vec<_> = self.lock().values().filter_map(reported).collect();
        reports.sort_by(|(one, _), (other, _)| one.cmp(other));
        reports
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Whether this is news on the topic.
    pub(crate) fn is_news(&mut self, topic: &'static str, text: &str) -> bool {
        self.told.insert(topic, text.to_owned()).as_deref() != Some(text)
    }

    /// There is nothing to tell on the topic any more.
    pub(crate) fn is_over(&mut self, topic: &'static str) {
        self.told.remove(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_is_told_and_only_who_is_there_is_remembered() {
        let (memories, key) = (Memories::default(), Name::from("edge/web"));
        let [one, other] = [1, 2].map(Uid::from_u128);
        let mut memory = memories.take(one, &key);
        assert_eq!(["x", "x", "y"].map(|text| memory.is_news("topic", text)), [true, false, true]);
        memory.is_over("topic");
        assert!(memory.is_news("topic", "y"));
        memories.put(one, memory);
        memories.keep(&"edge/app".into(), &[]);
        assert!(!memories.take(one, &key).told.is_empty(), "another name");
        memories.put(one, Memory { key: Some(key.clone()), deleted: Some(Vec::new()), ..Memory::default() });
        memories.keep(&key, &[other]);
        assert!(memories.take(one, &key).deleted.is_none(), "made again under its name");
    }
}
