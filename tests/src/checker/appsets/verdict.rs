//! What was found about YurtAppSets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

/// What the controller did in a namespace, in numbers, and every rule that it broke.
#[derive(Clone, Debug, Default)]
pub struct SetVerdict {
    /// Its accepted writes by verb and resource, such as `patch deployments`. Dry runs and Leases are not counted.
    pub calls: BTreeMap<String, usize>,
    /// Pools that got a revision by it, in order.
    pub starts: Vec<Start>,
    /// How often it changed the pod template of a workload that was there, by set and pool.
    pub restarts: BTreeMap<(String, String), usize>,
    /// Most pools of one set under change at once.
    pub most_changing: usize,
    /// When it wrote last.
    pub last_write: Option<Timestamp>,
    /// Rules broken, oldest first.
    pub breaches: Vec<Breach>,
}

/// A pool gets a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// When the request came.
    pub at: Timestamp,
    /// Its YurtAppSet.
    pub set: String,
    /// The pool.
    pub pool: String,
    /// The name of the revision.
    pub revision: String,
    /// There was no workload before.
    pub is_first: bool,
}

/// A rule, broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub rule: SetRule,
    /// By what was done to this object.
    pub object: String,
    /// How.
    pub what: String,
}

/// What is watched over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetRule {
    /// One workload per set and pool, for ever.
    OneChild,
    /// A workload whose pool is chosen is not deleted.
    Deleted,
    /// Every delete and every change carries the UID (or version) that it decided on.
    NoUid,
    /// Only workloads of YurtAppSets are touched, and of YurtAppSets only the status.
    NotOurs,
    /// A pool whose own pod template did not change is not restarted.
    NeedlessRestart,
    /// No pool is moved to a superseded revision.
    Superseded,
    /// No pool that is pinned to a revision gets another one.
    Pinned,
    /// No pool starts before the waves before its own have succeeded, soaked and been approved.
    WaveOrder,
    /// No more pools of a wave under change than may be.
    ConcurrentPools,
    /// No pool starts while its run is paused, ended or halted.
    Stopped,
}

impl SetVerdict {
    /// The rules that were broken, each once.
    pub fn broken(&self) -> BTreeSet<SetRule> {
        self.breaches.iter().map(|breach| breach.rule).collect()
    }

    /// Accepted writes of this kind, such as `patch deployments`.
    pub fn calls_of(&self, kind: &str) -> usize {
        self.calls.get(kind).copied().unwrap_or_default()
    }

    /// The pools that got a revision, in order.
    pub fn order_of(&self, set: &str, revision: &str) -> Vec<&str> {
        let starts = self.starts.iter().filter(|start| start.set == set && start.revision == revision);
        starts.map(|start| start.pool.as_str()).collect()
    }

    pub(super) fn add(&mut self, at: Timestamp, rule: SetRule, object: &str, what: String) {
        self.breaches.push(Breach { at, rule, object: object.to_owned(), what });
    }
}

impl fmt::Display for SetVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} starts, at most {} pools under change", self.starts.len(), self.most_changing)?;
        let calls: Vec<String> = self.calls.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        write!(f, "; writes: {}", calls.join(", "))?;
        for Breach { at, rule, object, what } in &self.breaches {
            write!(f, "\n  {rule:?} broken at {at:.3} by {object}: {what}")?;
        }
        Ok(())
    }
}
