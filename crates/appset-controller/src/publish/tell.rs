//! What users are told where they look: events on the YurtAppSet, and the log.

use api::names;
use api::names::app_set::WorkloadKind::{self, Deployment as D, StatefulSet as S};
use api::names::app_set::{condition, condition_reason as why, event_reason as reason};
use api::yurt_app_set::YurtAppSetStatus;
use controller_runtime::events::{Note, Severity, Tally};

use crate::commit::{Deed, Done};
use crate::context::Context;
use crate::memory::Memory;
use crate::mirrors::{SeenSet, Unreadable};
use crate::observe::Snapshot;
use crate::plan::{Hold, Plan};

/// Tells of what was written and of what is in the way.
pub(super) fn tell(
    context: &Context,
    seen: &SeenSet,
    memory: &mut Memory,
    snapshot: &Snapshot,
    plan: &Plan,
    done: &Done,
    status: &YurtAppSetStatus,
) {
    for (deed, kind, pool) in &done.written {
        tracing::info!(yurt_app_set = %seen.key(), pool, ?deed, "written");
        let (reason, note) = written(deed, *kind, pool);
        context.events.record(&seen.subject(), Severity::Normal, reason, note);
    }
    let mut warn = |reason, text: Option<&str>| match text {
        Some(text) => warn(context, seen, memory, reason, text),
        None => memory.is_over(reason),
    };
    warn(names::reason::HELD, snapshot.rival.as_deref());
    warn(reason::NO_REVISION, done.failures.revision.as_deref().filter(|_| done.unrecorded));
    let failed = |kind: &str, because: &str| {
        let found = status.conditions.iter().find(|found| found.kind == kind && found.status == "False");
        found.filter(|found| found.reason == because).map(|found| found.message.as_str())
    };
    warn(reason::NO_FIND_POOLS, failed(condition::POOL_FOUND, why::NO_FIND_POOLS));
    warn(reason::NOT_CREATED, failed(condition::APP_DISPATCHED, why::CREATE_WORKLOAD_ERROR));
    warn(reason::NOT_UPDATED, failed(condition::APP_UPDATED, why::UPDATE_WORKLOAD_ERROR));
    warn(reason::NOT_DELETED, failed(condition::APP_DELETED, why::DELETE_WORKLOAD_ERROR));
    let complaints = plan.complaints.join("; ");
    let invalid = failed(condition::POOL_FOUND, why::INVALID_SELECTOR);
    warn(reason::INVALID, invalid.or((!complaints.is_empty()).then_some(complaints.as_str())));
    // How many are left changes with each look: one event for all of it.
    let paced = plan.spared.values().any(|hold| matches!(hold, Hold::Deletions { .. }));
    let paced = paced.then(|| {
        let percent = context.config.deletions.percent_per_minute;
        format!(
            "more workloads are in pools that are not chosen than may be deleted at once: at most {percent} % of all within a minute \
             (deletions.percent_per_minute)"
        )
    });
    warn(reason::DELETIONS_HELD, paced.as_deref());
}

/// Tells of an object that is no YurtAppSet.
pub(super) fn unreadable(context: &Context, seen: &SeenSet, memory: &mut Memory, unreadable: &Unreadable) {
    warn(context, seen, memory, reason::INVALID, &unreadable.to_string());
}

/// Says it of Deployments, or of StatefulSets.
type Say = fn(&Tally) -> String;

/// As OpenYurt says it, and in which pools.
fn written(deed: &Deed, kind: WorkloadKind, pool: &str) -> (&'static str, Note) {
    let (reason, say): (_, [Say; 2]) = match deed {
        Deed::Created => (reason::CREATED, [|tally| say("Create", D, tally), |tally| say("Create", S, tally)]),
        Deed::Adopted => (reason::ADOPTED, [|tally| say("Adopt", D, tally), |tally| say("Adopt", S, tally)]),
        Deed::Updated => (reason::UPDATED, [|tally| say("Update", D, tally), |tally| say("Update", S, tally)]),
        Deed::Repaired(_) => (reason::REPAIRED, [|tally| say("Repair", D, tally), |tally| say("Repair", S, tally)]),
        Deed::Deleted => (reason::DELETED, [|tally| say("Delete", D, tally), |tally| say("Delete", S, tally)]),
    };
    let [of_deployments, of_stateful_sets] = say;
    let say = match kind {
        WorkloadKind::Deployment => of_deployments,
        WorkloadKind::StatefulSet => of_stateful_sets,
    };
    let item = match deed {
        Deed::Repaired(paths) => format!("{pool} ({})", paths.first().map_or("", String::as_str)),
        Deed::Created | Deed::Adopted | Deed::Updated | Deed::Deleted => pool.to_owned(),
    };
    (reason, Note::Item { item, say })
}

fn say(verb: &str, kind: WorkloadKind, tally: &Tally) -> String {
    format!("{verb} {} {}: {}", tally.count(), kind.as_str(), tally.names())
}

/// A warning, if it is news.
fn warn(context: &Context, seen: &SeenSet, memory: &mut Memory, reason: &'static str, text: &str) {
    if memory.is_news(reason, text) {
        tracing::warn!(yurt_app_set = %seen.key(), reason, "{text}");
        context.events.record(&seen.subject(), Severity::Warning, reason, Note::Said(text.to_owned()));
    }
}
