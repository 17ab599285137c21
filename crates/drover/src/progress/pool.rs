//! A pool of a run, as it is shown.

use planner::rollout::{Counts, PoolReport};
use serde::Serialize;

use super::{Units, offline_to_do};
use crate::app_set::Workload;

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// Its name; empty for the nodes without one.
    pub name: String,
    /// Its units.
    pub units: Units,
    /// Why units of it are not moved.
    pub holds: Vec<Held>,
    /// One of the holds ends only by somebody's doing.
    pub needs_attention: bool,
    /// How it is, where pools themselves are the units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<PoolUnit>,
}

/// Units of a pool that are not moved for the same kind of reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The kind.
    pub kind: String,
    /// How many units.
    pub units: u32,
    /// The reason of the first of them.
    pub sentence: String,
}

/// A pool that is a unit: a YurtAppSet's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolUnit {
    /// How it is.
    pub state: State,
    /// Its workload, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<Pods>,
}

/// How a pool is that is a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum State {
    /// Its workload has the revision, and all pods are of it and available.
    Updated,
    /// Its workload has the revision, and Kubernetes is at it.
    InProgress,
    /// Its workload did not get on with the revision.
    Failed,
    /// Its workload was broken before it had the revision, and is so with it.
    Broken,
    /// None of its nodes is Ready.
    NotReachable,
    /// It does not have the revision yet: a hold says why, or it is next.
    Waiting,
}

/// A workload and its pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pods {
    /// Deployment or StatefulSet.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The revision that it has.
    pub revision: String,
    /// How many pods it is to have.
    pub desired: i64,
    /// Those of its newest pod template.
    pub updated: i64,
    /// Those that are available, of whatever template.
    pub available: i64,
    /// Why it does not get on, in Kubernetes' words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl State {
    /// What the planner's counts of a pool's one unit say.
    pub const fn of(counts: &Counts) -> Self {
        let Counts { updated, settled, offline, failed, pre_existing, .. } = *counts;
        match (settled, failed, pre_existing, offline, updated) {
            (1.., ..) => Self::Updated,
            (0, 1.., ..) => Self::Failed,
            (0, 0, 1.., ..) => Self::Broken,
            (0, 0, 0, 1.., _) => Self::NotReachable,
            (0, 0, 0, 0, 1..) => Self::InProgress,
            (0, 0, 0, 0, 0) => Self::Waiting,
        }
    }
}

impl From<&PoolReport> for Pool {
    fn from(report: &PoolReport) -> Self {
        let held = |(kind, units, sentence): &(&str, u32, String)| Held {
            kind: (*kind).to_owned(),
            units: *units,
            sentence: sentence.clone(),
        };
        Self {
            name: report.pool.to_string(),
            units: Units { offline_to_do: Some(offline_to_do(report)), ..report.counts.into() },
            holds: report.holds.iter().map(held).collect(),
            needs_attention: report.needs_attention,
            unit: None,
        }
    }
}

impl From<&Workload> for Pods {
    fn from(workload: &Workload) -> Self {
        let child = &workload.child;
        Self {
            kind: child.kind.as_str(),
            name: child.name.clone(),
            revision: child.labels.get(api::names::app_set::REVISION).cloned().unwrap_or_default(),
            desired: child.replicas(),
            // Counts are of the spec that was observed: of another one there is no pod yet.
            updated: if child.is_observed() { child.counts.updated } else { 0 },
            available: child.counts.available,
            trouble: workload.trouble.clone().filter(|_| child.is_observed() && !child.is_complete()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_in_one_state() {
        let all = Counts { desired: 1, ..Counts::default() };
        for (counts, state) in [
            (Counts { updated: 1, settled: 1, offline: 1, ..all }, State::Updated),
            (Counts { updated: 1, failed: 1, offline: 1, ..all }, State::Failed),
            (Counts { updated: 1, pre_existing: 1, ..all }, State::Broken),
            (Counts { updated: 1, offline: 1, ..all }, State::NotReachable),
            (Counts { updated: 1, ..all }, State::InProgress),
            (all, State::Waiting),
        ] {
            assert_eq!(State::of(&counts), state, "{counts:?}");
        }
    }
}
