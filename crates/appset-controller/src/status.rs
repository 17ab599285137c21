//! What a YurtAppSet's status says: OpenYurt's conditions and counts, made from what is there after the writes and from what was not
//! written, so that each is right whenever it is read.

mod message;

use std::collections::BTreeMap;

use api::names::app_set::{condition, condition_reason as reason};
use api::yurt_app_set::{YurtAppSet, YurtAppSetCondition, YurtAppSetStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::children::Child;
use crate::plan::{Action, Hold, Outlook, Plan};

/// Steps of a plan that failed, with what the API server said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// Recording the revision: nothing was done then.
    pub revision: Option<String>,
    /// Creations and changes, by pool.
    pub written: BTreeMap<String, String>,
    /// Deletions, by workload.
    pub deleted: BTreeMap<String, String>,
}

/// The status after a plan was carried out. `outlook` is what is there now. The status is the YurtAppSet's own where nothing changed.
pub fn status(
    set: &YurtAppSet,
    outlook: &Outlook<'_>,
    plan: &Plan,
    failures: &Failures,
    now: Timestamp,
) -> YurtAppSetStatus {
    let mut status = set.status.clone().unwrap_or_default();
    status.observed_generation = set.metadata.generation;
    if let Some(current) = plan.current.as_ref().filter(|_| failures.revision.is_none()) {
        status.current_revision.clone_from(&current.name);
        status.collision_count = Some(current.collisions).filter(|count| *count > 0).or(status.collision_count);
    }
    let current = status.current_revision.clone();
    let is_current = |child: &Child| !current.is_empty() && child.revision.as_deref() == Some(&*current);
    let all: Vec<_> = outlook.family.controlled().collect();
    status.total_workloads = number(all.len());
    status.ready_workloads = number(all.iter().filter(|child| child.is_ready()).count());
    let updated = all.iter().filter(|child| child.is_rolled_out() && is_current(child));
    status.updated_workloads = number(updated.count());
    for condition in conditions(outlook, plan, failures) {
        set_condition(&mut status.conditions, condition, now);
    }
    status
}

/// The status of an object that cannot be read: of all that its conditions say only this is known.
pub fn unreadable(before: &YurtAppSetStatus, generation: Option<i64>, why: &str, now: Timestamp) -> YurtAppSetStatus {
    let mut status = before.clone();
    status.observed_generation = generation;
    let condition = made(condition::POOL_FOUND, false, reason::INVALID_YURT_APP_SET, message::cut(why));
    set_condition(&mut status.conditions, condition, now);
    status
}

fn conditions(outlook: &Outlook<'_>, plan: &Plan, failures: &Failures) -> Vec<YurtAppSetCondition> {
    let selection = match &outlook.selection {
        Ok(selection) => selection,
        // Of everything else nobody knows whether it is as it should be: it stays said as it was.
        Err(why) => return vec![made(condition::POOL_FOUND, false, reason::INVALID_SELECTOR, why.to_string())],
    };
    let names: Vec<&str> = selection.pools.keys().copied().collect();
    let found = match names.as_slice() {
        [] => made(condition::POOL_FOUND, false, reason::NO_FIND_POOLS, message::no_pools(&selection.unknown)),
        names => made(condition::POOL_FOUND, true, reason::FIND_POOLS, message::pools(names, &selection.unknown)),
    };
    let (mut missing, mut outdated) = (Vec::new(), Vec::new());
    for pool in &names {
        let Some((why, error)) = obstacle(plan, failures, pool) else { continue };
        let list = if outlook.family.members.contains_key(pool) { &mut outdated } else { &mut missing };
        list.push((*pool, why, error));
    }
    let spared = plan.spared.iter().map(|(name, hold)| (name.as_str(), hold.to_string(), hold.is_error()));
    let failed = failures.deleted.iter().map(|(name, why)| (name.as_str(), why.clone(), true));
    let left: Vec<_> = spared.chain(failed).collect();
    vec![
        found,
        done(
            condition::APP_DISPATCHED,
            &missing,
            "All expected workloads are created successfully",
            [reason::CREATE_WORKLOAD_ERROR, reason::CREATE_WORKLOAD_HELD],
        ),
        done(
            condition::APP_DELETED,
            &left,
            "Unexpected workloads are deleted successfully",
            [reason::DELETE_WORKLOAD_ERROR, reason::DELETE_WORKLOAD_HELD],
        ),
        done(
            condition::APP_UPDATED,
            &outdated,
            &message::with("All expected workloads are updated successfully", &plan.complaints),
            [reason::UPDATE_WORKLOAD_ERROR, reason::UPDATE_WORKLOAD_HELD],
        ),
        ready(outlook, &names),
    ]
}

/// Why a pool's workload is not as the spec says, and whether that is an error.
fn obstacle(plan: &Plan, failures: &Failures, pool: &str) -> Option<(String, bool)> {
    let failed = || failures.written.get(pool).map(|why| (why.clone(), true));
    let held = || plan.holds.get(pool).map(|hold| (hold.to_string(), hold.is_error()));
    let stepped = || plan.steps.iter().any(|step| step.pool == pool && !matches!(step.action, Action::Delete { .. }));
    // Nothing was read or written then.
    let waited = || matches!(plan.holds.get(pool), Some(Hold::Unconfirmed));
    let unrecorded = || failures.revision.clone().filter(|_| stepped() || waited()).map(|why| (why, true));
    unrecorded().or_else(failed).or_else(held)
}

/// A condition that is True while nothing is in the way.
fn done(kind: &str, open: &[(&str, String, bool)], message: &str, [error, held]: [&str; 2]) -> YurtAppSetCondition {
    if open.is_empty() {
        return made(kind, true, "", message.to_owned());
    }
    let reason = if open.iter().any(|(.., is_error)| *is_error) { error } else { held };
    made(kind, false, reason, message::by_reason(open.iter().map(|(name, why, _)| (*name, why.as_str()))))
}

fn ready(outlook: &Outlook<'_>, pools: &[&str]) -> YurtAppSetCondition {
    let ready =
        |pool: &&str| outlook.family.members.get(pool).is_some_and(|member| !member.orphan && member.child.is_ready());
    let (status, reason) = if outlook.family.controlled().next().is_none() {
        (false, reason::NO_WORKLOAD_FOUND)
    } else if pools.iter().all(ready) {
        (true, reason::ALL_WORKLOADS_READY)
    } else {
        (false, reason::NOT_ALL_WORKLOADS_READY)
    };
    made(condition::APP_READY, status, reason, String::new())
}

fn made(kind: &str, status: bool, reason: &str, message: String) -> YurtAppSetCondition {
    let status = if status { "True" } else { "False" };
    YurtAppSetCondition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        last_transition_time: None,
        reason: reason.to_owned(),
        message,
    }
}

/// Sets a condition; its time moves only with its status.
fn set_condition(conditions: &mut Vec<YurtAppSetCondition>, condition: YurtAppSetCondition, now: Timestamp) {
    let known = conditions.iter_mut().find(|known| known.kind == condition.kind);
    let same = known.as_ref().filter(|known| known.status == condition.status);
    // In whole seconds, as the API server keeps it: what is read back must say the same.
    let seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let since = same.and_then(|known| known.last_transition_time.clone()).unwrap_or(Time(seconds));
    let condition = YurtAppSetCondition { last_transition_time: Some(since), ..condition };
    match known {
        Some(known) => *known = condition,
        None => conditions.push(condition),
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
