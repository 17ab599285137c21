//! Records of runs, of pools and of approvals.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use api::approval_request::{ApprovalPoint, ApprovalRequest, Decision};
use api::fleet_rollout::{FleetRolloutSpec, HaltStatus, Strategy, WaveState, WaveStatus};
use kube::ResourceExt as _;
use kube::api::{DynamicObject, ObjectMeta};
use serde::Deserialize;
use serde_json::Value;

/// A run as it is.
#[derive(Clone, Debug)]
pub struct RunSeen {
    /// Its namespace.
    pub namespace: String,
    /// The UID of its DaemonSet.
    pub owner: String,
    /// The number of its revision.
    pub number: i64,
    /// What it says.
    pub state: RunState,
}

/// What a run says.
#[derive(Clone, Debug)]
pub struct RunState {
    /// Its own UID: what approvals are for.
    pub uid: String,
    /// Its strategy is one that the DaemonSet names.
    pub named: bool,
    /// The strategy, once it has one.
    pub strategy: Option<Box<Strategy>>,
    /// It is the way back from a revision that failed.
    pub rollback: bool,
    /// Up to which wave a user cut the soak short.
    pub promoted: Option<String>,
    /// The token of the halt in force.
    pub halt: Option<String>,
    /// The token of the halt after which a user wants it to go on.
    pub resume: Option<String>,
    /// The waves that its status calls succeeded.
    pub succeeded: Vec<String>,
}

/// A pool as it is.
#[derive(Clone, Debug)]
pub struct PoolSeen {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A request for approval as it is.
#[derive(Clone, Debug)]
pub struct ApprovalSeen {
    /// Its namespace.
    pub namespace: String,
    /// The UID of its run.
    pub run: String,
    /// The wave it is about.
    pub wave: String,
    /// Where in the wave's life.
    pub point: ApprovalPoint,
    /// Somebody approved.
    pub approved: bool,
}

/// What matters of a FleetRollout: its status has more.
#[derive(Deserialize)]
struct Run {
    metadata: ObjectMeta,
    spec: FleetRolloutSpec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    waves: Vec<WaveStatus>,
    halt: Option<HaltStatus>,
}

pub(super) fn run(object: Value) -> Result<RunSeen> {
    let Run { metadata, spec, status } = serde_json::from_value(object).context("reading a FleetRollout")?;
    let succeeded = status.waves.into_iter().filter(|wave| wave.state == WaveState::Succeeded).map(|wave| wave.name);
    Ok(RunSeen {
        namespace: metadata.namespace.unwrap_or_default(),
        owner: spec.target_ref.uid,
        number: spec.revision.number,
        state: RunState {
            uid: metadata.uid.unwrap_or_default(),
            named: spec.strategy_name.is_some(),
            strategy: spec.strategy.map(Box::new),
            rollback: spec.rollback_of.is_some(),
            promoted: spec.promoted_through,
            halt: status.halt.map(|halt| halt.token),
            resume: spec.resume_token,
            succeeded: succeeded.collect(),
        },
    })
}

pub(super) fn pool(object: Value) -> Result<PoolSeen> {
    let pool: DynamicObject = serde_json::from_value(object).context("reading a NodePool")?;
    Ok(PoolSeen { name: pool.name_any(), labels: pool.labels().clone() })
}

pub(super) fn approval(object: Value) -> Result<ApprovalSeen> {
    let request: ApprovalRequest = serde_json::from_value(object).context("reading an ApprovalRequest")?;
    Ok(ApprovalSeen {
        namespace: request.namespace().unwrap_or_default(),
        run: request.spec.rollout_ref.uid,
        wave: request.spec.wave,
        point: request.spec.point,
        approved: request.spec.decision == Some(Decision::Approved),
    })
}
