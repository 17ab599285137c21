//! A run as it is shown: one model for the tree, for JSON and YAML.
//!
//! What the service published in the FleetRollout's status is taken as it stands. What a status does not hold (each pool's
//! units, and why they are not moved) comes from a [`Report`] of the planner, made here from nodes and pods that the user
//! may read; without them a run is shown as far as its status goes.

mod of_set;
mod pool;

use api::fleet_rollout::{Attention, FleetRollout, FleetRolloutStatus, HaltStatus, Phase, UnitCounts, WaveState};
use jiff::Timestamp;
use kube::ResourceExt as _;
use planner::rollout::{Counts, Hold, PoolReport, Report};
use serde::Serialize;

use crate::eta::Eta;
pub use pool::{Held, Pods, Pool, PoolUnit, State};

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Its namespace.
    pub namespace: String,
    /// The name of its FleetRollout.
    pub name: String,
    /// The kind of its target.
    pub kind: String,
    /// The name of its target.
    pub target: String,
    /// The number of its revision.
    pub revision: i64,
    /// The name of its ControllerRevision.
    pub revision_name: String,
    /// Its phase.
    pub phase: Phase,
    /// The run in a sentence, as the service wrote it.
    pub sentence: String,
    /// The wave that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<String>,
    /// All of its units.
    pub units: Units,
    /// Its waves, in order.
    pub waves: Vec<Wave>,
    /// Pools of a YurtAppSet that are no units of the run: pinned to another revision, refused, their workload's name taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<Pool>,
    /// What the target says itself, where the run is not all there is to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// When it will be done, if its pace tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<Eta>,
    /// Why it is halted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halt: Option<HaltStatus>,
    /// Pools that need somebody, as the service wrote them.
    pub attention: Vec<Attention>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// Why no pools are shown, where they should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

/// Units by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Units {
    /// All of them.
    pub desired: u32,
    /// At the revision.
    pub updated: u32,
    /// Of them, those that proved well.
    pub settled: u32,
    /// Not available, or under way to the revision. Unknown without nodes and pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<u32>,
    /// Their node is not Ready.
    pub offline: u32,
    /// Of those, the ones still to be moved: neither at the revision nor under way. Unknown without nodes and pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_to_do: Option<u32>,
    /// They failed at the revision.
    pub failed: u32,
}

/// A wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wave {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub state: WaveState,
    /// Units at the revision.
    pub updated: u32,
    /// Units that failed at it.
    pub failed: u32,
    /// All of its units. Unknown without nodes and pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Units>,
    /// Its pools, by name.
    pub pools: Vec<Pool>,
}

impl Progress {
    /// The run as its status says, with pools as far as nodes and pods could be seen: `Err` says why not, where they should.
    pub fn of(run: &FleetRollout, fleet: Result<&Report, Option<String>>, eta: Option<Eta>) -> Self {
        let status = run.status.clone().unwrap_or_default();
        let report = fleet.as_ref().ok().copied();
        let mut units = Units::from(status.units);
        units.down = report.map(|report| report.counts.down);
        units.offline_to_do = report.map(|report| report.pools.iter().map(offline_to_do).sum());
        let mut waves = waves_of(&status);
        if let Some(report) = report {
            add_pools(&mut waves, report);
        }
        Self {
            namespace: run.namespace().unwrap_or_default(),
            name: run.name_any(),
            kind: run.spec.target_ref.kind.clone(),
            target: run.spec.target_ref.name.clone(),
            revision: run.spec.revision.number,
            revision_name: run.spec.revision.name.clone(),
            phase: status.phase,
            sentence: sentence(&status),
            wave: status.wave.clone(),
            units,
            waves,
            apart: Vec::new(),
            notices: Vec::new(),
            eta,
            halt: status.halt.clone(),
            attention: status.attention,
            began: run.metadata.creation_timestamp.as_ref().map(|at| at.0),
            unseen: fleet.err().flatten(),
        }
    }

    /// Whether nothing will change without a new revision, or a node that comes back.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Completed | Phase::Superseded | Phase::RolledBack | Phase::Aborted)
    }
}

/// The run in a sentence: what the service wrote into the conditions.
pub fn sentence(status: &FleetRolloutStatus) -> String {
    let written = |kind: &str| status.conditions.iter().find(|condition| condition.type_ == kind);
    let progressing = written(api::names::condition::PROGRESSING).or_else(|| status.conditions.first());
    progressing.map_or_else(|| "no service has looked at it yet".to_owned(), |condition| condition.message.clone())
}

fn waves_of(status: &FleetRolloutStatus) -> Vec<Wave> {
    let wave = |wave: &api::fleet_rollout::WaveStatus| Wave {
        name: wave.name.clone(),
        state: wave.state,
        updated: wave.updated,
        failed: wave.failed,
        units: None,
        pools: Vec::new(),
    };
    status.waves.iter().map(wave).collect()
}

/// Status and report are of about the same moment; a wave that only the report knows has been there for less than that.
fn add_pools(waves: &mut Vec<Wave>, report: &Report) {
    for seen in &report.waves {
        let at = waves.iter().position(|wave| *wave.name == *seen.name).unwrap_or_else(|| {
            waves.push(Wave {
                name: seen.name.to_string(),
                state: WaveState::Waiting,
                updated: seen.counts.updated,
                failed: seen.counts.failed,
                units: None,
                pools: Vec::new(),
            });
            waves.len() - 1
        });
        waves[at].pools = report.pools.iter().filter(|pool| pool.wave == seen.name).map(Pool::from).collect();
        let offline_to_do = waves[at].pools.iter().filter_map(|pool| pool.units.offline_to_do).sum();
        waves[at].units = Some(Units { offline_to_do: Some(offline_to_do), ..seen.counts.into() });
    }
}

/// Units of a pool that would be moved if their node were there.
fn offline_to_do(pool: &PoolReport) -> u32 {
    let offline = Hold::Offline.kind();
    pool.holds.iter().filter(|(kind, _, _)| *kind == offline).map(|(_, units, _)| units).sum()
}

impl From<Counts> for Units {
    fn from(counts: Counts) -> Self {
        let Counts { desired, updated, settled, offline, failed, down, .. } = counts;
        Self { desired, updated, settled, down: Some(down), offline, offline_to_do: None, failed }
    }
}

impl From<UnitCounts> for Units {
    fn from(counts: UnitCounts) -> Self {
        let UnitCounts { desired, updated, settled, offline, failed, .. } = counts;
        Self { desired, updated, settled, down: None, offline, offline_to_do: None, failed }
    }
}
