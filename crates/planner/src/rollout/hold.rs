//! Why something is not done, in one sentence each, and how each hold ends (rule 13).

mod of_pool;

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::facts::Point;
use crate::fleet::Name;
use crate::strategy::Scope;

/// Why a unit is not restarted now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// A budget is used up.
    Budget {
        /// Whose.
        scope: &'static str,
        /// Units down in it.
        down: u32,
        /// Units that may be.
        allowed: u32,
    },
    /// The budget is 0.
    NoBudget {
        /// Whose.
        scope: &'static str,
    },
    /// Slow start waits for earlier units to settle.
    SlowStart {
        /// Units under way.
        unsettled: u32,
        /// As many as may be.
        limit: u32,
    },
    /// Its wave comes later.
    EarlierWave {
        /// The wave before it.
        wave: Name,
        /// The first pool that failed in the waves before it; only if units are pools.
        failed: Option<Name>,
    },
    /// A wave has succeeded and is watched before the run goes on.
    Soak {
        /// The wave.
        wave: Name,
        /// For so long.
        until: Timestamp,
    },
    /// A wave waits for a human.
    Approval {
        /// The wave.
        wave: Name,
        /// Where in its life.
        point: Point,
    },
    /// A human said no.
    Rejected {
        /// The wave.
        wave: Name,
        /// Where in its life.
        point: Point,
        /// Who.
        approver: Name,
    },
    /// No window is open.
    Window {
        /// When the next one opens, if that is near enough to tell.
        opens: Option<Timestamp>,
    },
    /// Something that goes first is not up to date, or it is not known whether it is.
    Dependency {
        /// Its kind.
        kind: Name,
        /// Its name.
        name: Name,
        /// Where it must be up to date.
        scope: Scope,
        /// It is known not to be.
        is_known: bool,
    },
    /// As many pools of the wave are under change as may be.
    ConcurrentPools {
        /// So many are.
        busy: u32,
        /// So many may be.
        limit: u32,
    },
    /// All reachable units of the wave are done, but too few of them are settled.
    TooFewSettled {
        /// So many are.
        settled: u32,
        /// So many must be.
        wanted: u32,
    },
    /// No pool of the wave can get the revision (they are refused, or left before one settled), so that it proves nothing.
    NoPoolLeft {
        /// The wave.
        wave: Name,
    },
    /// The target's strategy is missing or not valid.
    InvalidStrategy {
        /// What is wrong.
        why: String,
    },
    /// Its node is not Ready.
    Offline,
    /// Its node is Ready, but not yet for long enough.
    Returning {
        /// When it is reachable if nothing breaks.
        at: Timestamp,
    },
    /// Its node is cordoned.
    UnderMaintenance,
    /// Another DaemonSet restarts on its node.
    NodeBusy,
    /// Its old pod is terminating.
    Terminating,
    /// It has no pod that could be restarted.
    NoPod,
    /// It was offline while its wave ran, and the strategy leaves such units.
    NoCatchUp,
    /// The view of the cluster is not believed.
    Stale {
        /// When it was last heard from.
        since: Timestamp,
    },
    /// The DaemonSet controller has not seen the newest template yet.
    NotObserved,
    /// Its pod has a revision that is not known (yet): it may be newer than the newest that is.
    UnknownRevision {
        /// Its `controller-revision-hash`.
        revision: Name,
    },
    /// Too few units are reachable for a verdict.
    Inconclusive {
        /// Reachable units.
        reachable: u32,
        /// As many as a verdict needs.
        needed: u32,
    },
    /// Nodes with the revision were lost; whether their whole site was, or the release did it, is about to show.
    NodesLost {
        /// By then.
        until: Timestamp,
    },
    /// The run is halted.
    Halted,
    /// The run is halted, as a pool is told it if pools are the units: with those that failed.
    HaltedFor {
        /// What was seen.
        evidence: String,
    },
    /// The revision cannot be made in a pool, and holds the others until it can.
    RevisionRefused {
        /// Why not, with the pool.
        why: String,
    },
    /// It is not known which pools are reachable.
    ReachUnknown {
        /// Why not.
        why: String,
    },
    /// The user paused the run.
    Paused,
    /// The user ended the run.
    Aborted,
    /// Another controller upgrades the same objects, or may do so.
    OtherController {
        /// Its lease.
        lease: String,
        /// The lease was seen alive; otherwise nothing is known of it.
        seen: bool,
    },
    /// The API server refused the last delete, or a pool's last write (a webhook, a missing right, a quota, too many requests).
    Refused {
        /// In its words.
        why: String,
        /// When it is tried again.
        retry: Timestamp,
    },
}

/// How a hold ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By an event or deadline that is sure to come.
    Itself,
    /// Most likely by itself, but it may take days: it is announced again like the next.
    InTime,
    /// Only by somebody's doing: it is announced again after [`escalate_after`](crate::strategy::Timing::escalate_after).
    Somebody,
}

impl Hold {
    /// The table of rule 13: what ends each hold. A budget or slow start is freed when units settle or get a verdict, at
    /// the latest at the progress deadline; stale views and unobserved templates end with the next bookmark or status.
    pub const fn ending(&self) -> Ending {
        match self {
            Self::Budget { .. }
            | Self::SlowStart { .. }
            | Self::EarlierWave { .. }
            | Self::Soak { .. }
            | Self::ConcurrentPools { .. }
            | Self::Returning { .. }
            | Self::NodeBusy
            | Self::Terminating
            | Self::NoPod
            | Self::Stale { .. }
            | Self::NodesLost { .. }
            | Self::NotObserved => Ending::Itself,
            Self::Window { opens: Some(_) } | Self::Dependency { .. } | Self::ReachUnknown { .. } => Ending::InTime,
            Self::NoBudget { .. }
            | Self::Window { opens: None }
            | Self::Approval { .. }
            | Self::Rejected { .. }
            | Self::TooFewSettled { .. }
            | Self::NoPoolLeft { .. }
            | Self::InvalidStrategy { .. }
            | Self::Offline
            | Self::UnderMaintenance
            | Self::NoCatchUp
            | Self::Inconclusive { .. }
            | Self::Halted
            | Self::HaltedFor { .. }
            | Self::RevisionRefused { .. }
            | Self::Paused
            | Self::Aborted
            | Self::OtherController { .. }
            | Self::UnknownRevision { .. }
            | Self::Refused { .. } => Ending::Somebody,
        }
    }

    /// The name under which units with the same kind of hold are counted, and by which a condition's reason is written.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Budget { .. } => "Budget",
            Self::NoBudget { .. } => "NoBudget",
            Self::SlowStart { .. } => "SlowStart",
            Self::EarlierWave { .. } => "EarlierWave",
            Self::Soak { .. } => "Soak",
            Self::Approval { .. } => "Approval",
            Self::Rejected { .. } => "Rejected",
            Self::Window { .. } => "Window",
            Self::Dependency { .. } => "Dependency",
            Self::ConcurrentPools { .. } => "ConcurrentPools",
            Self::TooFewSettled { .. } => "TooFewSettled",
            Self::NoPoolLeft { .. } => "NoPoolLeft",
            Self::InvalidStrategy { .. } => "InvalidStrategy",
            Self::Offline => "Offline",
            Self::Returning { .. } => "Returning",
            Self::UnderMaintenance => "UnderMaintenance",
            Self::NodeBusy => "NodeBusy",
            Self::Terminating => "Terminating",
            Self::NoPod => "NoPod",
            Self::NoCatchUp => "NoCatchUp",
            Self::Stale { .. } => "Stale",
            Self::NotObserved => "NotObserved",
            Self::UnknownRevision { .. } => "UnknownRevision",
            Self::Inconclusive { .. } => "Inconclusive",
            Self::NodesLost { .. } => "NodesLost",
            Self::Halted | Self::HaltedFor { .. } => "Halted",
            Self::RevisionRefused { .. } => "RevisionRefused",
            Self::ReachUnknown { .. } => "ReachUnknown",
            Self::Paused => "Paused",
            Self::Aborted => "Aborted",
            Self::OtherController { .. } => "OtherController",
            Self::Refused { .. } => "Refused",
        }
    }
}

impl Hold {
    /// What sets one hold apart from another of its kind: another wave's approval is another hold, with a deadline of its own.
    pub fn about(&self) -> String {
        match self {
            Self::Approval { wave, point } | Self::Rejected { wave, point, .. } => format!("{wave} {}", point.as_str()),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget { scope, down, allowed } => {
                write!(f, "{down} of {allowed} allowed units of the {scope} are down")
            }
            Self::NoBudget { scope } => write!(f, "maxUnavailable of the {scope} is 0"),
            Self::SlowStart { unsettled, limit } => {
                write!(f, "slow start waits for {unsettled} units under way to settle, {limit} may be")
            }
            Self::EarlierWave { wave, failed: None } => write!(f, "it waits for wave {wave:?}"),
            Self::EarlierWave { wave, failed: Some(pool) } => {
                write!(f, "it waits for wave {wave:?}: pool {pool} failed")
            }
            Self::Soak { wave, until } => {
                write!(f, "wave {wave:?} has succeeded and is watched until {}", second(*until))
            }
            Self::Approval { wave, point: Point::BeforeWave } => write!(f, "wave {wave:?} waits for approval to open"),
            Self::Approval { wave, point: Point::AfterWave } => {
                write!(f, "wave {wave:?} has succeeded and waits for approval to go on")
            }
            Self::Rejected { wave, point, approver } => {
                write!(f, "{approver} rejected wave {wave:?} ({}): only a new revision goes on", point.as_str())
            }
            Self::Window { opens: Some(at) } => write!(f, "no window is open until {}", second(*at)),
            Self::Window { opens: None } => f.write_str("no window is open, nor will one be soon"),
            Self::Dependency { kind, name, scope, is_known } => {
                let place = match scope {
                    Scope::SamePool => "in its pool",
                    Scope::AllPools => "in all pools",
                };
                let how = if *is_known { "it waits until" } else { "it is not known whether" };
                write!(f, "{how} {kind} {name} is up to date {place}")
            }
            Self::ConcurrentPools { busy, limit } => {
                write!(f, "{busy} pools of its wave are under change, {limit} may be")
            }
            Self::TooFewSettled { settled, wanted } => {
                write!(
                    f,
                    "{settled} units of the wave are settled, minUpdated asks for {wanted}, and no more are reachable"
                )
            }
            Self::NoPoolLeft { wave } => write!(
                f,
                "wave {wave:?} has no pool left that can get the revision, and none that has settled on it: promote it to go \
                 on all the same"
            ),
            Self::InvalidStrategy { why } => write!(f, "the strategy is not valid: {why}"),
            Self::Offline => f.write_str("its node is not Ready"),
            Self::Returning { at } => write!(f, "its node counts as reachable at {}", second(*at)),
            Self::UnderMaintenance => f.write_str("its node is cordoned"),
            Self::NodeBusy => f.write_str("another DaemonSet's restart is under way on its node"),
            Self::Terminating => f.write_str("its pod is terminating"),
            Self::NoPod => f.write_str("it has no pod to restart"),
            Self::NoCatchUp => f.write_str("it was offline during its wave and offline.catchUp is Never"),
            Self::Stale { since } => write!(f, "nothing was heard from the API server since {}", second(*since)),
            Self::NotObserved => f.write_str("the DaemonSet controller has not observed the newest template yet"),
            Self::UnknownRevision { revision } => write!(f, "its pod has revision {revision:?}, which is not known"),
            Self::Inconclusive { reachable, needed } => {
                write!(f, "only {reachable} units are reachable, a verdict needs {needed}")
            }
            Self::NodesLost { until } => {
                write!(
                    f,
                    "nodes that got the revision were lost; whether with their site is known by {}",
                    second(*until)
                )
            }
            Self::Halted => f.write_str("the run is halted"),
            Self::HaltedFor { evidence } => write!(f, "the run is halted: {evidence}"),
            Self::RevisionRefused { why } => write!(f, "the revision is refused: {why}"),
            Self::ReachUnknown { why } => write!(f, "it is not known which pools are reachable: {why}"),
            Self::Paused => f.write_str("the run is paused by spec.desiredState"),
            Self::Refused { why, retry } => {
                write!(f, "the API server refused a delete: {why}; it is tried again at {}", second(*retry))
            }
            Self::Aborted => f.write_str("the run is aborted by spec.desiredState"),
            Self::OtherController { lease, seen: true } => {
                write!(f, "lease {lease} is alive: its holder upgrades the same DaemonSets")
            }
            Self::OtherController { lease, seen: false } => {
                write!(f, "it is not known whether lease {lease} is alive, whose holder upgrades the same DaemonSets")
            }
        }
    }
}

/// A time without fractions of a second.
fn second(at: Timestamp) -> Timestamp {
    at.round(jiff::TimestampRound::new().smallest(jiff::Unit::Second)).unwrap_or(at)
}

/// A duration as `1h 5m 3s`, in whole seconds.
pub(super) fn span(duration: SignedDuration) -> String {
    let secs = duration.as_secs();
    let (hours, minutes, secs) = (secs / 3600, secs % 3600 / 60, secs % 60);
    match (hours, minutes) {
        (0, 0) => format!("{secs}s"),
        (0, _) => format!("{minutes}m {secs}s"),
        _ => format!("{hours}h {minutes}m {secs}s"),
    }
}
