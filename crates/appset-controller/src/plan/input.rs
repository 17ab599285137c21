//! What a plan is made of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::yurt_app_set::YurtAppSet;
use jiff::Timestamp;

use super::Pace;
use crate::children::Child;
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
    pub children: &'a [Child],
    /// The ControllerRevisions of its namespace.
    pub history: &'a [Revision],
    /// Whether anything may be written, and if not why.
    pub standing: Standing,
    /// Which pools may get the newest revision.
    pub released: Released,
    /// What a dry run of the newest revision was refused with, by pool.
    pub refused: &'a BTreeMap<String, String>,
    /// What becomes of the other pools if one is refused.
    pub on_refusal: OnRefusal,
    /// Differences that an apply left, by the workload's UID: the API server writes these fields otherwise.
    pub stubborn: &'a HashMap<String, BTreeSet<String>>,
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
    /// These; the others wait for their waves.
    These(BTreeSet<String>),
}

/// What becomes of the other pools if the workload of one is refused, by us or by the API server, for what the revision says. A pool
/// that is refused for its own name holds itself alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnRefusal {
    /// No pool gets the revision.
    #[default]
    HoldAll,
    /// They get it.
    HoldPools,
}
