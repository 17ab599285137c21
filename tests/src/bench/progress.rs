//! A rollout as the watcher and the audit log show it.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::slots::Course;
use crate::checker::{Call, Note, Seen};

/// Follows the watcher's notes.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// How many notes were looked at.
    read: usize,
    /// The newest revision: its number and hash.
    newest: Option<(i64, String)>,
    /// Live Ready pods by UID: node and revision.
    ready: HashMap<String, (String, String)>,
    /// When a pod last became Ready.
    last_ready: Option<Timestamp>,
}

impl Progress {
    /// Takes in the notes since the last time; all notes are given.
    pub(super) fn follow(&mut self, notes: &[Note]) {
        for note in &notes[self.read.min(notes.len())..] {
            match &note.seen {
                Seen::Revision(revision) => {
                    let next = (revision.number, revision.hash.clone());
                    self.newest = self.newest.take().max(Some(next));
                }
                Seen::Pod(pod) if pod.live && pod.ready && !note.gone => {
                    let known = self.ready.insert(pod.uid.clone(), (pod.node.clone(), pod.revision.clone()));
                    if known.is_none() {
                        self.last_ready = Some(note.received);
                    }
                }
                Seen::Pod(pod) => drop(self.ready.remove(&pod.uid)),
                Seen::Node(_) | Seen::DaemonSet(_) | Seen::Run(_) | Seen::Pool(_) | Seen::Approval(_) => {}
            }
        }
        self.read = notes.len();
    }

    /// The number of the newest revision.
    pub(super) fn number(&self) -> i64 {
        self.newest.as_ref().map_or(0, |(number, _)| *number)
    }

    /// When the watcher last saw a pod become Ready.
    pub(super) fn last_ready(&self) -> Option<Timestamp> {
        self.last_ready
    }

    /// How many nodes have a Ready pod of the newest revision.
    pub(super) fn updated(&self) -> usize {
        let Some((_, newest)) = &self.newest else { return 0 };
        self.ready.values().filter(|(_, revision)| revision == newest).count()
    }
}

/// The course of the rollout to the newest revision, deleted by `user`.
pub(super) fn course(notes: &[Note], calls: &[Call], user: &str, slots: usize) -> Course {
    let mut progress = Progress::default();
    progress.follow(notes);
    let newest = progress.newest.map(|(_, hash)| hash).unwrap_or_default();
    let public: HashMap<&str, Timestamp> = calls
        .iter()
        .filter(|call| call.resource == "pods" && call.subresource == "status" && call.is_accepted())
        .filter_map(|call| Some((call.version.as_deref()?, call.completed)))
        .collect();
    // The answer to whoever wrote it and the watch come at about the same time; the earlier one shows that it is public.
    let seen =
        |note: &Note| public.get(note.version.as_str()).map_or(note.received, |written| note.received.min(*written));
    let mut first_ready: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for note in notes {
        if let Seen::Pod(pod) = &note.seen
            && pod.live
            && pod.ready
            && pod.revision == newest
        {
            first_ready.entry(&pod.uid).or_insert_with(|| seen(note));
        }
    }
    let generation = |note: &Note| match &note.seen {
        Seen::DaemonSet(set) => Some((set.metadata.generation, set.is_observed())),
        _ => None,
    };
    let last = notes.iter().filter_map(generation).map(|(generation, _)| generation).max();
    let observed = notes.iter().find(|note| generation(note).is_some_and(|(it, seen)| seen && Some(it) == last));
    let deletes = calls.iter().filter(|call| call.user == user && call.kind() == "delete pods" && call.is_accepted());
    let mut taken: Vec<_> = deletes.map(|call| call.received).collect();
    let mut freed: Vec<_> = first_ready.into_values().collect();
    taken.sort_unstable();
    freed.sort_unstable();
    let begins = observed.map(|note| note.received).or(taken.first().copied()).unwrap_or_default();
    Course { begins, taken, freed, slots }
}
