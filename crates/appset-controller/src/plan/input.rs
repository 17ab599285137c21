//! What a plan is made of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::yurt_app_set::YurtAppSet;
use jiff::Timestamp;
use planner::strategy::Amount;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Known, LastSeen, Pace};
use crate::children::Child;
use crate::drift::Difference;
use crate::pools::Pool;
use crate::revisions::Revision;

/// What is known of a YurtAppSet, at one moment.
#[derive(Debug)]
pub struct Input<'a> {
    /// The YurtAppSet.
    pub set: &'a YurtAppSet,
    /// All NodePools.
    pub pools: &'a [Pool],
    /// Where the NodePools and the workloads are from.
    pub read: Read,
    /// The Deployments and StatefulSets of its namespace.
    pub children: &'a [&'a Child],
    /// The ControllerRevisions of its namespace.
    pub history: &'a [Revision],
    /// The highest number of a revision that ever had a run: the newest one's is not below it.
    pub floor: i64,
    /// Whether anything may be written, and if not why.
    pub standing: Standing,
    /// Which pools may get the newest revision.
    pub released: Released,
    /// The revision that each of these pools goes back to now, because the run of the newest one failed (rollouts.md, rule 12).
    pub returns: &'a BTreeMap<String, String>,
    /// The revision that a failed run would go back to: it is kept.
    pub last_completed: Option<&'a str>,
    /// What the strategy of the run says of each workload's own rolling update (`unit.maxUnavailablePerPool`).
    pub max_unavailable: Option<Amount>,
    /// What a dry run of the newest revision was refused with, by pool.
    pub refused: &'a BTreeMap<String, String>,
    /// What becomes of the other pools if one is refused.
    pub on_refusal: OnRefusal,
    /// The sets of tweaks, by their places, that a dry run of the newest revision took.
    pub taken: &'a BTreeSet<Vec<usize>>,
    /// Names that a quorum read a moment ago showed to be those of somebody else's workloads, which no mirror shows.
    pub occupied: &'a BTreeSet<String>,
    /// What the last plan found: [`super::Plan::known`].
    pub known: &'a Known,
    /// The revision of each pool's last workload.
    pub last_seen: &'a LastSeen,
    /// Differences that an apply left, by the workload's UID: the API server writes these fields otherwise.
    pub stubborn: &'a HashMap<String, BTreeSet<Difference>>,
    /// How many workloads may be deleted.
    pub pace: Pace<'a>,
    /// The time.
    pub now: Timestamp,
}

/// Where lists are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// A mirror: it may be behind, or empty.
    Mirror,
    /// The API server, with quorum.
    Quorum,
}

/// Whether anything may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Acting,
    /// It may not, for this reason: a yurt-manager lives, or the YurtAppSet is paused.
    Held(String),
}

/// Which pools may get the newest revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// All.
    All,
    /// All, to see what holds pools besides: steps of those that are known to wait are left out.
    Unbound,
    /// These.
    These {
        /// The pools.
        pools: BTreeSet<String>,
        /// What each other one waits for, in a sentence.
        waits: BTreeMap<String, String>,
    },
}

impl Released {
    /// These pools; nobody says what the others wait for.
    pub fn these<'a>(pools: impl IntoIterator<Item = &'a str>) -> Self {
        Self::These { pools: pools.into_iter().map(str::to_owned).collect(), waits: BTreeMap::new() }
    }

    /// Whether this pool may get it.
    pub fn lets(&self, pool: &str) -> bool {
        match self {
            Self::All | Self::Unbound => true,
            Self::These { pools, .. } => pools.contains(pool),
        }
    }
}

/// What becomes of the other pools if the workload of one is refused, by us or by the API server, for what the revision says. A pool
/// that is refused for its own name holds itself alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum OnRefusal {
    /// No pool gets the revision.
    #[default]
    #[serde(rename = "all")]
    HoldAll,
    /// They get it.
    #[serde(rename = "refused")]
    HoldPools,
}
