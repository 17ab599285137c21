//! The history of what a YurtAppSet asked for, in `ControllerRevisions` that OpenYurt reads too.
//!
//! A revision holds `spec.workload` as its user wrote it. Which revision something is decides [`canonical`], not the bytes: the order of
//! keys, the version of Drover and OpenYurt's types make no new one.

mod object;

use std::collections::BTreeSet;

use api::names::app_set as names;
use api::yurt_app_set::DEFAULT_HISTORY_LIMIT;
use serde_json::Value;

use crate::canonical::{self, Canonical, Hash};
use crate::render::Owner;
pub use object::{Revision, body};

/// What has to be written so that the newest revision is that of the spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Nothing.
    Kept,
    /// An older revision is the newest again: its number is raised to this.
    Raise {
        /// The UID of the ControllerRevision.
        uid: String,
        /// Its new number.
        to: i64,
    },
    /// There is none yet.
    Make {
        /// What the label [`names::REVISION_HASH`] says.
        hash: String,
        /// Its number.
        number: i64,
    },
}

/// The revision of a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// The name of its ControllerRevision.
    pub name: String,
    /// How many names were taken by other content, for `status.collisionCount`.
    pub collisions: i64,
    /// What has to be written.
    pub record: Record,
}

/// What is under the name that a revision was to be made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clash {
    /// The same content, and ours: our own write, that we had not seen.
    Ours,
    /// The same content, and nobody's: it is to be adopted.
    Nobodys,
    /// Other content, or somebody else's: it is to be tried again with one more collision.
    Other,
}

/// A negative history limit, which OpenYurt lets pass and then fails over for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("spec.revisionHistoryLimit: {given} is not an integer of at least 0; no revision is deleted")]
pub struct InvalidLimit {
    given: i64,
}

/// The revision of this workload, among those that the YurtAppSet controls. Its number is above those of all others, and of the runs that
/// there were, of which the highest is `floor`: somebody may have deleted the revisions of these.
pub fn current(owner: &Owner, workload: &Value, collisions: i64, history: &[Revision], floor: i64) -> Current {
    let own = || history.iter().filter(|revision| revision.controller.as_deref() == Some(owner.uid.as_str()));
    let text = canonical::text(workload);
    let name = |collisions: i64| {
        let hash = hash(&text, collisions);
        (names::revision(&owner.name, &hash), hash, collisions)
    };
    let newest = own().map(|revision| revision.number).max().unwrap_or(0).max(floor);
    // A name that is no label's value, as OpenYurt makes them of long names, cannot be written on workloads.
    let usable = |revision: &&Revision| revision.name.len() <= names::MAX_LABEL_VALUE && !revision.leaving;
    let newest_of = |is_equal: &dyn Fn(&Revision) -> bool| {
        let equal = own().filter(usable).filter(|revision| is_equal(revision));
        equal.max_by(|one, other| (one.number, &one.name).cmp(&(other.number, &other.name)))
    };
    let equal = newest_of(&|revision| revision.workload.text() == text);
    // Another spelling of the same is the same: OpenYurt's revisions have Go's.
    let equal = equal.or_else(|| {
        let meaning = canonical::meaning(workload);
        newest_of(&|revision| canonical::meaning(&revision.workload.value()) == meaning)
    });
    if let Some(equal) = equal {
        let record = if equal.number == newest {
            Record::Kept
        } else {
            Record::Raise { uid: equal.uid.clone(), to: newest.saturating_add(1) }
        };
        // A status may not know yet how many names were taken when this one was given.
        let given = tries(collisions, history).map(name).find(|(name, ..)| *name == equal.name);
        let collisions = given.map_or(collisions, |(.., collisions)| collisions);
        return Current { name: equal.name.clone(), collisions, record };
    }
    // One of the same content that is nobody's, such as that of a YurtAppSet deleted without it, is found when it is to be made.
    let is_nobodys = |revision: &&Revision| revision.controller.is_none() && revision.workload.text() == text;
    let taken = history.iter().filter(|revision| !is_nobodys(revision)).map(|revision| revision.name.as_str());
    let taken: BTreeSet<&str> = taken.collect();
    let free = tries(collisions, history).map(name).find(|(name, ..)| !taken.contains(name.as_str()));
    let (name, hash, collisions) = free.unwrap_or_else(|| name(collisions.max(0)));
    Current { name, collisions, record: Record::Make { hash, number: newest.saturating_add(1) } }
}

/// What to do about a revision that is there already under the name that this workload was to be recorded with.
pub fn clash(owner: &Owner, workload: &Value, there: &Revision) -> Clash {
    match there.controller.as_deref() {
        _ if there.workload != Canonical::of(workload) => Clash::Other,
        Some(uid) if uid == owner.uid => Clash::Ours,
        Some(_) => Clash::Other,
        None => Clash::Nobodys,
    }
}

/// The revisions beyond the limit, oldest first. The limit counts the current one, as OpenYurt's does; the current one and those that
/// something `used` is of are kept in any case.
pub fn surplus<'a>(
    owner: &Owner,
    history: &'a [Revision],
    used: &BTreeSet<&str>,
    limit: Option<i64>,
) -> Result<Vec<&'a Revision>, InvalidLimit> {
    let given = limit.unwrap_or(DEFAULT_HISTORY_LIMIT);
    let limit = usize::try_from(given).map_err(|_| InvalidLimit { given })?;
    let own = |revision: &&Revision| revision.controller.as_deref() == Some(owner.uid.as_str()) && !revision.leaving;
    let mut own: Vec<_> = history.iter().filter(own).collect();
    own.sort_unstable_by(|one, other| (one.number, &one.name).cmp(&(other.number, &other.name)));
    let excess = own.len().saturating_sub(limit);
    Ok(own.into_iter().filter(|revision| !used.contains(revision.name.as_str())).take(excess).collect())
}

/// So many names were taken, or more. Each revision that is known takes at most one, so that one of these is free.
fn tries(collisions: i64, history: &[Revision]) -> impl Iterator<Item = i64> {
    let more = 0..=i64::try_from(history.len()).unwrap_or(i64::MAX);
    more.map(move |more| collisions.max(0).saturating_add(more))
}

/// The hash in the name of a revision with this canonical text.
fn hash(text: &str, collisions: i64) -> String {
    if collisions > 0 { Hash::of_text(&format!("{text}{collisions}")).short() } else { Hash::of_text(text).short() }
}

#[cfg(test)]
mod tests;
