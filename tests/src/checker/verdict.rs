//! What the checker found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// What a run did, in numbers, and every rule that it broke.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Pods that the updater deleted.
    pub deletes: usize,
    /// Its deletions by DaemonSet and node.
    pub restarts: BTreeMap<(String, String), usize>,
    /// Its requests by verb and resource, such as `delete pods`. Cluster-wide ones are counted too: they may be for others.
    pub calls: BTreeMap<String, usize>,
    /// Most units of one DaemonSet down at once, as rollouts.md defines down.
    pub most_down: u32,
    /// Most units of one DaemonSet that were started and had no verdict, at once.
    pub most_started: u32,
    /// The start that came closest to its budget, or went furthest beyond it, judged without any lag.
    pub tightest: Option<Tight>,
    /// Nodes that left Ready while they were exposed to a revision: by DaemonSet and revision.
    pub lost: BTreeMap<(String, String), BTreeSet<String>>,
    /// Nodes that came back with an old pod and were restarted: how long after they were reachable.
    pub returns: Vec<(String, SignedDuration)>,
    /// How late the watcher was at most.
    pub lateness: SignedDuration,
    /// From the first deletion until the last restarted unit had its verdict.
    pub duration: SignedDuration,
    /// How often another process took the lead.
    pub handovers: usize,
    /// Writes of a process that did not lead any more.
    pub stale_writes: usize,
    /// Rules broken, oldest first.
    pub violations: Vec<Violation>,
}

/// A start against its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tight {
    /// When.
    pub at: Timestamp,
    /// Units down, the started one included.
    pub down: u32,
    /// Units that might be.
    pub allowed: u32,
}

/// A rule, broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub rule: Rule,
    /// By what was done to this object.
    pub object: String,
    /// How, with the numbers.
    pub what: String,
}

/// What the checker watches over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No start above `allowed`.
    Budget,
    /// `allowed` is computed over reachable units.
    Denominator,
    /// No start above what is allowed in its wave.
    WaveBudget,
    /// No start above what is allowed in its pool.
    PoolBudget,
    /// No start of a unit that was away above what is allowed for catching up.
    CatchUpBudget,
    /// No more pools of a wave under change than may be.
    ConcurrentPools,
    /// No start before the waves before have succeeded and soaked.
    WaveOrder,
    /// No start in or after a wave that somebody must approve, before he did.
    NotApproved,
    /// No start outside of windows.
    Window,
    /// No deletion on a node known to be NotReady.
    NotReady,
    /// No deletion on a cordoned node.
    Cordoned,
    /// No deletion on a node that is Ready for less than `reachable_after`, or that the template may not run on.
    NotReachable,
    /// Every deletion carries the UID it decided on.
    NoUid,
    /// A unit at the newest revision is not touched.
    AtNewest,
    /// No unit is moved to a superseded revision.
    Superseded,
    /// Only DaemonSets that ask for it, in a way that can be followed, are upgraded.
    NotAsked,
    /// One activation per node at a time, over all DaemonSets.
    NodeBusy,
    /// Two leaders overlap by at most the requests in flight.
    TwoLeaders,
    /// In the end every reachable unit is at the newest revision and available.
    NotDone,
    /// In the end nothing is written any more.
    NotQuiet,
}

impl Verdict {
    /// The rules that were broken, each once.
    pub fn broken(&self) -> BTreeSet<Rule> {
        self.violations.iter().map(|violation| violation.rule).collect()
    }

    /// Nodes lost with any revision of a DaemonSet.
    pub fn lost_with(&self, daemon_set: &str) -> BTreeSet<String> {
        let of_it = self.lost.iter().filter(|((set, _), _)| set == daemon_set);
        of_it.flat_map(|(_, nodes)| nodes.iter().cloned()).collect()
    }

    /// Calls of this kind, such as `delete pods`.
    pub fn calls_of(&self, kind: &str) -> usize {
        self.calls.get(kind).copied().unwrap_or_default()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} broken at {:.3} by {}: {}", self.rule, self.at, self.object, self.what)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deletes, most_down, most_started, lateness, duration, handovers, stale_writes, .. } = self;
        write!(f, "{deletes} pods deleted in {:.1} s", duration.as_secs_f64())?;
        write!(f, "; at most {most_down} units down at once, {most_started} started")?;
        if let Some(Tight { down, allowed, .. }) = self.tightest {
            write!(f, "; judged without lag at most {down} down of {allowed} allowed at a start")?;
        }
        for ((set, revision), nodes) in &self.lost {
            write!(f, "; {} nodes lost with {set} {revision}", nodes.len())?;
        }
        if *lateness > SignedDuration::from_millis(200) {
            write!(f, "; the watcher was up to {:.1} s late", lateness.as_secs_f64())?;
        }
        if *handovers > 0 {
            write!(f, "; {handovers} handovers, {stale_writes} stale writes")?;
        }
        let calls: Vec<String> = self.calls.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        write!(f, "; API calls: {}", calls.join(", "))?;
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}
