//! How far a run is, as `kubectl` shows it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use planner::rollout::{Counts, Halt, Record, RunPhase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record;

/// As many pools as [`FleetRolloutStatus::attention`] holds; `RolloutService` tells of all of them.
pub const MAX_ATTENTION: usize = 50;

/// The longest sentence, far beyond any that is written: no sentence may keep a status from being written.
pub(super) const MAX_SENTENCE: usize = 8192;

/// How far the run is. Nothing in here ticks: it changes only when something happened.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct FleetRolloutStatus {
    /// The generation of this object that the status is about.
    #[schemars(range(min = 0))]
    pub observed_generation: i64,
    /// The run in one word: `Pending` (nothing started yet), `Progressing`, `Soaking`, `AwaitingApproval`, `Held` (see the
    /// condition), `Paused`, `Halted` (see halt), `RolledBack`, `Superseded` (the target has a newer revision), `Completed`
    /// (all reachable units are done; those that return later are still caught up) or `Aborted`.
    pub phase: Phase,
    /// The wave that is open; the last one when all are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub wave: Option<String>,
    /// All waves, in order.
    #[schemars(length(max = 100))]
    pub waves: Vec<WaveStatus>,
    /// The units (nodes) of the run, counted.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub units: UnitCounts,
    /// Why the run is halted; absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub halt: Option<HaltStatus>,
    /// At most 50 pools in which units are not moved, each with its foremost hold.
    #[schemars(length(max = MAX_ATTENTION))]
    pub attention: Vec<Attention>,
    /// Progressing, Held, Halted and Completed, each with a sentence.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// What Drover itself must remember across restarts. Not for reading by others: its shape may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "record::schema", extend("x-kubernetes-map-type" = "atomic"))]
    pub record: Option<Record>,
}

/// A run in one word.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing started yet.
    #[default]
    Pending,
    /// Units are being moved.
    Progressing,
    /// A wave is done and is being watched before the next one opens.
    Soaking,
    /// A wave waits for somebody's approval.
    AwaitingApproval,
    /// Something keeps the run from going on.
    Held,
    /// A user paused it.
    Paused,
    /// It failed, and waits for a human or a new revision.
    Halted,
    /// Its target was returned to the last completed revision.
    RolledBack,
    /// Its target has a newer revision.
    Superseded,
    /// All reachable units are done.
    Completed,
    /// A user ended it.
    Aborted,
}

/// A wave of the run.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WaveStatus {
    /// Its name; "all" for the single wave of a target without a strategy.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// `Waiting`, `Open` or `Succeeded`.
    pub state: WaveState,
    /// Its units at the revision.
    pub updated: u32,
    /// Its units that failed at the revision.
    pub failed: u32,
}

/// How far a wave is.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveState {
    /// Not opened yet.
    Waiting,
    /// Its units may be moved.
    Open,
    /// Enough of its units are settled.
    Succeeded,
}

/// The units (nodes) of a run, counted.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct UnitCounts {
    /// Nodes on which the target may run, reachable or not.
    pub desired: u32,
    /// Units at the revision.
    pub updated: u32,
    /// Units at the revision that are available and have been Ready for long enough, their node too.
    pub settled: u32,
    /// Units whose node is not reachable.
    pub offline: u32,
    /// Units that failed at the revision since the run began; recovery lowers nothing.
    pub failed: u32,
    /// Units that were down before their restart and still are: not the revision's fault.
    pub pre_existing: u32,
    /// Units that took the revision without Drover, because their pod was evicted, deleted by others or its node is new.
    /// Only changing the target's template back stops these.
    pub uncontrolled: u32,
}

/// Why a run is halted.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HaltStatus {
    /// The cause in one word, such as `NodeLoss` or `Failures`.
    #[schemars(length(min = 1, max = 63))]
    pub reason: String,
    /// Write it into spec.resumeToken to go on after this halt.
    #[schemars(length(min = 1, max = 253))]
    pub token: String,
    /// What was seen, in a sentence.
    #[schemars(length(max = MAX_SENTENCE))]
    pub evidence: String,
}

/// A pool in which units are not moved.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Attention {
    /// The pool's name; empty for the nodes without a pool.
    #[schemars(length(max = 63))]
    pub pool: String,
    /// Why, in a sentence.
    #[schemars(length(max = MAX_SENTENCE))]
    pub hold: String,
}

impl From<RunPhase> for Phase {
    fn from(phase: RunPhase) -> Self {
        match phase {
            RunPhase::Pending => Self::Pending,
            RunPhase::Progressing => Self::Progressing,
            RunPhase::Soaking => Self::Soaking,
            RunPhase::AwaitingApproval => Self::AwaitingApproval,
            RunPhase::Held => Self::Held,
            RunPhase::Paused => Self::Paused,
            RunPhase::Aborted => Self::Aborted,
            RunPhase::Halted => Self::Halted,
            RunPhase::Completed => Self::Completed,
        }
    }
}

impl From<Counts> for UnitCounts {
    fn from(counts: Counts) -> Self {
        // Reachable, down and lost units come and go by the minute: they belong in metrics, not in an object.
        let Counts {
            desired,
            updated,
            settled,
            offline,
            failed,
            pre_existing,
            uncontrolled,
            reachable: _,
            down: _,
            undone: _,
            lost: _,
        } = counts;
        Self { desired, updated, settled, offline, failed, pre_existing, uncontrolled }
    }
}

impl From<&Halt> for HaltStatus {
    fn from(halt: &Halt) -> Self {
        let Halt { reason, token, evidence, at: _ } = halt;
        Self { reason: reason.as_str().to_owned(), token: token.clone(), evidence: evidence.clone() }
    }
}
