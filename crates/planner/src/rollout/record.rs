//! The part of a run's memory that survives the process, as FleetRollout's status keeps it.
//!
//! It is written behind the deletes, at most about a second later. What a crash in that second forgets is recovered from
//! the objects: a unit at the revision that is in no list and was created before `recorded_at` had settled; one created
//! later is watched as if we had started it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::report::Held;
use super::{Activation, Evidence, Halt, Outcome, Run, Track};
use crate::fleet::Uid;

/// A run's durable memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// Up to when this record is complete.
    pub recorded_at: Option<Timestamp>,
    /// Units with an activation of ours and no outcome, and units with a verdict other than settled, by node name.
    pub flights: Vec<Flight>,
    /// The node-loss tests.
    pub evidence: Evidence,
    /// The halt in force.
    pub halt: Option<Halt>,
    /// How often the run halted.
    pub halts: u32,
    /// From where verdicts count.
    pub mark: Mark,
    /// Units that ever failed.
    pub failed: u32,
    /// Units that Kubernetes ever did not give a new pod.
    pub missing: u32,
    /// Units that ever took the revision without us.
    pub uncontrolled: u32,
    /// The waves that have opened, in order.
    pub waves: Vec<Wave>,
    /// When all waves were over.
    pub completed: Option<Timestamp>,
    /// The hold in force and since when.
    pub held: Option<Held>,
}

/// One unit in a record.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each by its name")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flight {
    /// The node's name.
    pub node: String,
    /// Its UID.
    pub node_uid: Uid,
    /// Its pool.
    pub pool: String,
    /// When it was activated.
    pub at: Timestamp,
    /// It was down before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_down: bool,
    /// It took the revision without us.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncontrolled: bool,
    /// It was under way when this run superseded another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// Its loss was counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// When it was first Ready at the revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ready: Option<Timestamp>,
    /// Since when its node is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Timestamp>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Verdicts before the mark were accepted by the user who resumed the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mark {
    /// Failed units before it.
    pub failed: u32,
    /// Units without a new pod before it.
    pub missing: u32,
    /// Lost exposed nodes before it.
    pub losses: u32,
}

/// The life of a wave that has opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Wave {
    /// Its name.
    pub name: String,
    /// The pools it had when it opened, by name: it keeps them. Empty for a wave that has whatever no other chose.
    pub pools: Vec<String>,
    /// When it opened.
    pub opened: Option<Timestamp>,
    /// When its success was seen, or it was passed over.
    pub succeeded: Option<Timestamp>,
    /// When, after that, all of its reachable units were first seen done.
    pub finished: Option<Timestamp>,
    /// It was passed over: too few of its units were reachable at its deadline.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inconclusive: bool,
    /// Its pools that were away when it was finished, by name, where such pools are left as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<String>,
}

impl Record {
    /// What of a run's memory must survive. Settled units are left out: the objects show them. So are units that took the
    /// revision by themselves and have no verdict: they are found again.
    pub(super) fn of(run: &Run, now: Timestamp) -> Self {
        let lasting = |track: &Track| match track.outcome {
            Outcome::Settled => false,
            Outcome::Open => track.is_under_way() && (track.activation.controlled || track.activation.counted),
            Outcome::Failed | Outcome::Lost | Outcome::ReplacementMissing | Outcome::PreExisting => true,
        };
        let mut flights: Vec<_> =
            run.tracks.iter().filter(|(_, track)| lasting(track)).map(|(uid, track)| Flight::of(*uid, track)).collect();
        flights.sort_by(|a, b| (&a.node, a.node_uid).cmp(&(&b.node, b.node_uid)));
        Self {
            recorded_at: Some(now),
            flights,
            evidence: run.evidence.clone(),
            halt: run.halt.clone(),
            halts: run.halts,
            mark: run.mark,
            failed: run.failed,
            missing: run.missing,
            uncontrolled: run.uncontrolled,
            waves: run.waves.clone(),
            completed: run.completed,
            held: run.held.clone(),
        }
    }

    /// Whether both say the same, however late each was written.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let untimed = |record: &Self| Self { recorded_at: None, ..record.clone() };
        untimed(self) == untimed(other)
    }

    pub(super) fn to_run(&self) -> Run {
        Run {
            tracks: self.flights.iter().map(|flight| (flight.node_uid, flight.to_track())).collect(),
            evidence: self.evidence.clone(),
            doubt: None,
            halt: self.halt.clone(),
            halts: self.halts,
            mark: self.mark,
            failed: self.failed,
            missing: self.missing,
            uncontrolled: self.uncontrolled,
            waves: self.waves.clone(),
            completed: self.completed,
            held: self.held.clone(),
            recorded_at: self.recorded_at,
            fresh: true,
        }
    }
}

impl Flight {
    fn of(node_uid: Uid, track: &Track) -> Self {
        let Track { node, pool, activation, outcome } = track;
        Self {
            node: node.to_string(),
            node_uid,
            pool: pool.to_string(),
            at: activation.at,
            was_down: activation.was_down,
            uncontrolled: !activation.controlled,
            inherited: activation.inherited,
            counted: activation.counted,
            first_ready: activation.first_ready,
            left: activation.left,
            outcome: *outcome,
        }
    }

    fn to_track(&self) -> Track {
        Track {
            node: self.node.as_str().into(),
            pool: self.pool.as_str().into(),
            activation: Activation {
                at: self.at,
                was_down: self.was_down,
                controlled: !self.uncontrolled,
                inherited: self.inherited,
                adopted: false,
                arrived: false,
                first_ready: self.first_ready,
                absent: None,
                left: self.left,
                counted: self.counted,
            },
            outcome: self.outcome,
        }
    }
}
