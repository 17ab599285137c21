//! The schema of `status.record`: the planner's own [`Record`](planner::rollout::Record), kept in the object as it is.
//!
//! The planner knows no schemas, so the shape is said again here, for the API server alone: it drops what no schema names.
//! A test compares the two in both directions, so that a field which is added to one cannot be forgotten in the other.

#![expect(dead_code, reason = "these types are never made: only their schema is used")]
#![expect(clippy::struct_excessive_bools, reason = "they mirror the planner's")]

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::status::MAX_SENTENCE;

/// More than fit into an object (about 6,000 in the 1.5 MiB of etcd's limit): a bound for the API server's sake.
const MANY: usize = 10_000;

/// The schema of `status.record`.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    Option::<Record>::json_schema(generator)
}

/// A moment, as RFC 3339 with fractions of a second.
struct Instant;

/// A UID: a lower-case UUID.
struct Uid;

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// Up to when the record is complete.
    recorded_at: Option<Instant>,
    /// Units on their way to the revision, and units with a verdict other than settled.
    #[schemars(length(max = MANY))]
    flights: Vec<Flight>,
    /// The tests whether nodes are lost to the release.
    evidence: Evidence,
    /// The halt in force.
    halt: Option<Halt>,
    /// How often the run halted.
    halts: u32,
    /// From where verdicts count since the last resume.
    mark: Mark,
    /// Units that ever failed.
    failed: u32,
    /// Units that ever lost their pod without Kubernetes making another.
    missing: u32,
    /// Units that ever took the revision without Drover.
    uncontrolled: u32,
    /// The waves that have opened, in order.
    #[schemars(length(max = 100))]
    waves: Vec<Wave>,
    /// When all waves were over.
    completed: Option<Instant>,
    /// The hold in force.
    held: Option<Held>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Flight {
    /// The node's name.
    #[schemars(length(max = 253))]
    node: String,
    /// The node's UID.
    node_uid: Uid,
    /// The node's pool.
    #[schemars(length(max = 63))]
    pool: String,
    /// When the unit was activated.
    at: Instant,
    /// It was down before.
    #[serde(default)]
    was_down: bool,
    /// It took the revision without Drover.
    #[serde(default)]
    uncontrolled: bool,
    /// It was under way when this run superseded another.
    #[serde(default)]
    inherited: bool,
    /// The loss of its node was counted.
    #[serde(default)]
    counted: bool,
    /// When it was first Ready at the revision.
    first_ready: Option<Instant>,
    /// Since when its node is away.
    left: Option<Instant>,
    /// What became of it.
    outcome: Outcome,
}

#[derive(JsonSchema)]
enum Outcome {
    Open,
    Settled,
    Failed,
    Lost,
    ReplacementMissing,
    PreExisting,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Evidence {
    /// How much speaks for nodes being lost to the release, against three alternatives (rollouts.md, rule 5).
    nodes: [f64; 3],
    /// The same for pools.
    pools: [f64; 3],
    /// Exposed nodes that were ever lost.
    lost: u32,
    /// Exposed nodes that were lost and are still away.
    #[schemars(length(max = MANY))]
    away: Vec<Away>,
    /// Pools with recent losses.
    #[schemars(length(max = MANY))]
    windows: Vec<PoolWindow>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Away {
    /// The node's name.
    #[schemars(length(max = 253))]
    node: String,
    /// The node's UID.
    node_uid: Uid,
    /// The node's pool.
    #[serde(default)]
    #[schemars(length(max = 63))]
    pool: String,
    /// When it was lost.
    at: Instant,
    /// It was lost together with most of its pool, of which all nodes were exposed: such nodes count as one.
    #[serde(default)]
    with_pool: bool,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PoolWindow {
    /// The pool.
    #[schemars(length(max = 63))]
    pool: String,
    /// When its first loss was seen.
    opened: Instant,
    /// Its Ready nodes just before.
    ready: u32,
    /// Those of them that were not exposed.
    #[serde(default)]
    others: u32,
    /// Nodes lost since.
    lost: u32,
    /// Those of them that were not exposed.
    #[serde(default)]
    others_lost: u32,
    /// The weights over pools when the window opened.
    pool_weights: [f64; 2],
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Halt {
    /// The cause.
    reason: HaltReason,
    /// What spec.resumeToken must be to go on.
    #[schemars(length(max = 253))]
    token: String,
    /// What was seen.
    #[schemars(length(max = MAX_SENTENCE))]
    evidence: String,
    /// When.
    at: Instant,
}

#[derive(JsonSchema)]
enum HaltReason {
    Failures,
    NoSlotLeft,
    ReplacementMissing,
    NodeLoss,
    Returned,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Mark {
    /// Failed units before it.
    failed: u32,
    /// Units without a new pod before it.
    missing: u32,
    /// Lost exposed nodes before it.
    losses: u32,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Wave {
    /// Its name.
    #[schemars(length(max = 63))]
    name: String,
    /// The pools it had when it opened, and keeps. Empty for a wave of all pools that no other chose.
    #[schemars(length(max = MANY), inner(length(max = 63)))]
    pools: Vec<String>,
    /// When it opened.
    opened: Option<Instant>,
    /// When its success was seen, or it was passed over.
    succeeded: Option<Instant>,
    /// When all of its reachable units were first seen done.
    finished: Option<Instant>,
    /// It was passed over: too few of its units were reachable at its deadline.
    #[serde(default)]
    inconclusive: bool,
    /// Its pools that were away when it was finished, where such pools are left as they are.
    #[serde(default)]
    #[schemars(length(max = MANY), inner(length(max = 63)))]
    missed: Vec<String>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Held {
    /// The kind of hold.
    #[schemars(length(max = 63))]
    kind: String,
    /// Which one of that kind: a wave and where in its life.
    #[serde(default)]
    #[schemars(length(max = 253))]
    about: String,
    /// Since when.
    since: Instant,
    /// It was announced again because it lasts.
    escalated: bool,
}

impl JsonSchema for Instant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

impl JsonSchema for Uid {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Uid".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"})
    }
}

#[cfg(test)]
mod tests;
