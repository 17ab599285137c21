//! One snapshot of a YurtAppSet to what is to be done: a step, a hold or nothing for each of its pools.
//!
//! Nothing here looks at what was done before: after a crash between any two writes the next plan is what is left to do. A snapshot
//! that is behind can only repeat a step, and each step does nothing the second time: workloads have one name for ever, and what is
//! there is written and deleted by its UID.

mod deletions;
mod hold;
mod input;
mod known;
mod last_seen;
mod pool;
mod step;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use api::names::app_set as names;
use api::yurt_app_set::{InvalidSelector, YurtAppSet};
use jiff::Timestamp;

use crate::children::{Child, Family};
use crate::pools::{Pool, Selection, select};
use crate::render::Owner;
use crate::revisions::{self, Current, Record};
use crate::{adopt, pins};
pub use deletions::Pace;
pub use hold::Hold;
pub use input::{Input, OnRefusal, Read, Released, Standing};
pub use known::Known;
pub use last_seen::LastSeen;
pub use step::{Action, Body, Cause, Step, Trial};
use target::Targets;

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The revision of the spec, and what has to be written before any step; `None` if nothing is to be made from it.
    pub current: Option<Current>,
    /// Steps, by pool; creations and changes before deletions. They do not depend on each other.
    pub steps: Vec<Step>,
    /// What should be tried with a dry run before the first step, by the places of the tweaks.
    pub trials: BTreeMap<Vec<usize>, Trial>,
    /// Pools whose workload is missing or not as the spec says, and is left so.
    pub holds: BTreeMap<String, Hold>,
    /// Workloads that are too many and are not deleted, by name.
    pub spared: BTreeMap<String, Hold>,
    /// Creations, deletions and the end of old revisions wait for a plan of lists that are read with quorum.
    pub confirm: bool,
    /// The UIDs of revisions that are not kept.
    pub retired: Vec<String>,
    /// What is wrong with the spec but holds no pool.
    pub complaints: Vec<String>,
    /// When to look again though nothing changed.
    pub revisit: Option<Timestamp>,
    /// Steps were left out ([`Released::Unbound`]): there is more to write than this plan says.
    pub left_out: bool,
    /// What the next plan need not look at again.
    pub known: Known,
}

/// What is asked for and who is there.
#[derive(Debug)]
pub struct Outlook<'a> {
    /// The pools; an error if nobody can say which.
    pub selection: Result<Selection<'a>, InvalidSelector>,
    /// The workloads.
    pub family: Family<'a>,
}

/// Looks at a snapshot.
pub fn outlook<'a>(set: &'a YurtAppSet, pools: &'a [Pool], children: &[&'a Child]) -> Outlook<'a> {
    let selection = select(&set.spec, pools);
    let chosen = selection.iter().flat_map(|selection| selection.pools.keys().copied()).collect();
    let owner = Owner::of(set);
    let read = set.spec.workload.read(crate::render::PATH).ok();
    // Whose workload cannot be read has workloads all the same.
    let theirs = || {
        children.iter().find(|child| child.controller.as_ref().is_some_and(|controller| controller.uid == owner.uid))
    };
    let kind = read.map(|workload| workload.template.kind).or_else(|| theirs().map(|child| child.kind));
    let family = Family::of(&owner, kind.unwrap_or(names::WorkloadKind::Deployment), &chosen, children.iter().copied());
    Outlook { selection, family }
}

/// Plans a YurtAppSet. Total: whatever its objects say, there is a plan.
pub fn plan(input: &Input<'_>) -> Plan {
    let mut plan = Plan::default();
    if input.set.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    let Outlook { selection, family } = outlook(input.set, input.pools, input.children);
    let selection = match selection {
        Ok(selection) => selection,
        Err(why) => {
            pool::unselectable(&mut plan, input, &family, &why);
            return plan;
        }
    };
    let mut targets = Targets::new(input, &selection, &family);
    plan.known = targets.nothing_known();
    for pool in selection.pools.values() {
        pool::plan(&mut plan, input, &mut targets, &family, pool);
    }
    plan.current = targets.recorded();
    deletions::plan(&mut plan, input, &selection, &family);
    for child in &family.strays {
        plan.complaints.push(format!("{} {} belongs to no pool and is left alone", child.kind.as_str(), child.name));
    }
    plan.complaints.extend(adopt::kept_replicas(family.controlled()));
    retire(&mut plan, input, &family);
    plan
}

impl Plan {
    /// Whether anything has to be written.
    pub fn writes(&self) -> bool {
        let recorded = |current: &Current| current.record == Record::Kept;
        !self.steps.is_empty() || !self.retired.is_empty() || !self.current.as_ref().is_none_or(recorded)
    }
}

/// Which revisions go: never one that a workload is of.
fn retire(plan: &mut Plan, input: &Input<'_>, family: &Family<'_>) {
    if input.standing != Standing::Acting {
        return;
    }
    let mut used: BTreeSet<&str> = family.controlled().filter_map(|child| child.revision.as_deref()).collect();
    used.extend(plan.current.as_ref().map(|current| current.name.as_str()));
    used.extend(input.set.status.as_ref().map(|status| status.current_revision.as_str()));
    let pinned = pins::pins(input.set).unwrap_or_default();
    used.extend(pinned.values().map(String::as_str));
    used.extend(input.last_seen.revisions());
    used.extend(input.returns.values().map(String::as_str).chain(input.last_completed));
    match revisions::surplus(&Owner::of(input.set), input.history, &used, input.set.spec.revision_history_limit) {
        // A workload that a mirror does not show may be of one of them.
        Ok(surplus) if input.read == Read::Mirror => plan.confirm |= !surplus.is_empty(),
        Ok(surplus) => plan.retired = surplus.into_iter().map(|revision| revision.uid.clone()).collect(),
        Err(invalid) => plan.complaints.push(invalid.to_string()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
