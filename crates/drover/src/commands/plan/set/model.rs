//! A planned change of a YurtAppSet: one model for text, for JSON and YAML.

use api::fleet_rollout::WaveState;
use serde::Serialize;

/// What a change would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetPlan {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// What is meant, in a word or two.
    #[serde(skip)]
    pub(super) subject: &'static str,
    /// The revision that it would be; none if nothing would be made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<Revision>,
    /// Whose rules the run goes by.
    pub(super) rules: String,
    /// What these say of the whole run.
    pub(super) limits: Vec<String>,
    /// The waves of the run, in order.
    pub(super) waves: Vec<Wave>,
    /// Every pool that is chosen, by name.
    pub(super) pools: Vec<Pool>,
    /// Workloads that go.
    pub(super) deleted: Vec<Gone>,
    /// Pools in which it begins at once.
    pub(super) first: Vec<String>,
    /// Why nothing of the run starts at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hold: Option<String>,
    /// Why pools of the run wait, by kind, the commonest first.
    pub(super) waits: Vec<Why>,
    /// Why pools are no part of the run, or get something else than the spec asks for.
    pub(super) apart: Vec<Why>,
    /// Why nothing is made of it in these pools until somebody does something.
    pub(super) refused: Vec<Why>,
    /// What the API server said.
    pub(super) dry_runs: DryRuns,
    /// What the user should know besides.
    pub(super) warnings: Vec<String>,
}

/// A revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Revision {
    /// The name of its ControllerRevision.
    pub(super) name: String,
    /// Its number.
    pub(super) number: i64,
    /// Whether there is one.
    pub(super) state: RevisionState,
}

/// Whether there is a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum RevisionState {
    /// There is none of this content.
    New,
    /// There was one before others: it would be the newest again.
    Again,
    /// It is the newest already: the workload is as it was.
    Kept,
}

/// A wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wave {
    /// Its name.
    pub(super) name: String,
    /// How far it is.
    pub(super) state: WaveState,
    /// How many pools it has.
    pub(super) pools: u32,
    /// How many of them have no node that is Ready.
    pub(super) offline: u32,
    /// What it asks for.
    pub(super) conditions: String,
}

/// A pool that is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pool {
    /// Its name.
    pub(super) name: String,
    /// Its wave, if it is a part of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wave: Option<String>,
    /// What becomes of its workload.
    pub(super) fate: Fate,
    /// The replicas of its workload, if it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replicas: Option<Replicas>,
    /// Why that is not done at once, or not as the spec asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hold: Option<String>,
}

/// What becomes of the workload of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Fate {
    /// It is made.
    Made,
    /// It is changed, and its pods restart.
    Restarted,
    /// It is changed, and no pod restarts.
    Changed,
    /// It stays as it is.
    Left,
}

/// How many pods a workload is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Replicas {
    /// Now; none without a workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) now: Option<i64>,
    /// Then; none where the YurtAppSet leaves them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) then: Option<i64>,
}

/// A workload that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Gone {
    /// Deployment or StatefulSet.
    pub(super) kind: &'static str,
    /// Its name.
    pub(super) name: String,
    /// Its pool.
    pub(super) pool: String,
}

/// A reason, and the pools that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Why {
    /// A word for it.
    pub(super) kind: &'static str,
    /// It.
    pub(super) sentence: String,
    /// The pools, by name.
    pub(super) pools: Vec<String>,
}

/// What the API server said of the workloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DryRuns {
    /// About so many sets of tweaks it said something.
    pub(super) answered: usize,
    /// Why it said nothing of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unanswered: Option<String>,
}

impl SetPlan {
    /// How many pools have this fate.
    pub(super) fn count(&self, fate: Fate) -> usize {
        self.pools.iter().filter(|pool| pool.fate == fate).count()
    }

    /// How many pools would not get what is asked for until somebody does something.
    pub(super) fn refusals(&self) -> usize {
        self.refused.iter().map(|why| why.pools.len()).sum()
    }
}

impl Pool {
    /// Whether it gets the revision in its wave.
    pub(super) fn is_to_be_written(&self) -> bool {
        self.wave.is_some() && self.fate != Fate::Left
    }
}
