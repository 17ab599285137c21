//! One DaemonSet, looked at once: admit, begin, observe, commit, publish.

use std::sync::Arc;
use std::time::Duration;

use controller_runtime::events::{Note, Severity};
use controller_runtime::lease::NotLeading;
use controller_runtime::queue::{Disposition, ReconcileError, Requeue};
use controller_runtime::rollouts;
use jiff::Timestamp;
use planner::fleet::Uid;
use planner::rollout::{Met, Progress, Report};

use crate::admit::{Admission, Target, admit};
use crate::context::{Context, Current};
use crate::{begin, commit, observe, rollback};

/// How soon outcomes that could not be read are asked for again.
const DOUBT_AGAIN: Duration = Duration::from_secs(1);

/// Why a DaemonSet could not be brought forward.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("asking for the DaemonSet's revisions")]
    Request(#[source] kube::core::request::Error),
    #[error("reading the DaemonSet's revisions")]
    Revisions(#[source] kube::Error),
    #[error(transparent)]
    Rollout(#[from] rollouts::Error),
    #[error("going back to the last completed revision")]
    RollBack(#[from] rollback::Error),
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
}

impl ReconcileError for Error {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Request(_) => Disposition::Terminal,
            Self::Revisions(_) | Self::RollBack(_) => Disposition::Backoff,
            Self::Rollout(error) => error.disposition(),
            // Whoever leads next wakes every DaemonSet.
            Self::NotLeading(_) => Disposition::AwaitChange,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Revisions(_) => "revisions",
            Self::Rollout(error) => error.kind(),
            Self::RollBack(_) => "roll_back",
            Self::NotLeading(_) => "not_leading",
        }
    }
}

/// Looks at one DaemonSet. Level-triggered: what woke it does not matter.
#[tracing::instrument(level = "debug", skip_all, fields(daemon_set = %key))]
pub(crate) async fn reconcile(context: Arc<Context>, key: Uid) -> Result<Requeue, Error> {
    let Some(term) = context.gate.term() else { return Ok(Requeue::Await) };
    let Some(object) = context.daemon_sets.get(key) else {
        context.forget(key);
        return Ok(Requeue::Await);
    };
    let target = match admit(&object) {
        Admission::Ours(target) => target,
        Admission::NotOurs => {
            context.forget(key);
            return Ok(Requeue::Await);
        }
        Admission::Refused(refusal) => {
            context.release(key);
            if context.runs.refuse(key, &refusal.to_string()) {
                let subject = context.desk.subject(&object.metadata.namespace, &object.metadata.name, key);
                let note = Note::Said(refusal.to_string());
                context.events.record(&subject, Severity::Warning, api::names::reason::INVALID_STRATEGY, note);
            }
            return Ok(Requeue::Await);
        }
    };
    let mut current = context.runs.take(key);
    let ended = advance(&context, &target, &mut current).await;
    // What was remembered in an earlier term is not worth remembering.
    if let Some(current) = current.filter(|_| context.gate.term() == Some(term)) {
        context.runs.put(key, current);
    }
    ended
}

async fn advance(
    context: &Arc<Context>,
    target: &Target,
    current: &mut Option<Box<Current>>,
) -> Result<Requeue, Error> {
    begin::current(context, target, current).await?;
    let Some(current) = current else { return Ok(Requeue::Await) };
    read_letters(context, target, current).await?;
    let freed = context.take_freed(target.uid);
    let Some(plan) = observe::plan(context, target, current) else { return Ok(Requeue::Await) };
    commit::commit(context, target, current, plan.steps, freed);
    context.desk.note(target.of_runs(), target.generation, progress(target, current, &plan.report));
    let status_due = context.desk.publish(target.of_runs(), &mut current.rollout, plan.report);
    context.desk.ask(target.of_runs(), &current.rollout).await?;
    rollback::carry_out(context, target, current, plan.rollback).await?;
    let revisit = plan.revisit.map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
    let doubts = (!current.doubts.is_empty()).then_some(DOUBT_AGAIN);
    let revision = current.doubtful_revision.then_some(begin::ASK_AGAIN);
    let next = [revisit, status_due, doubts, revision].into_iter().flatten().min();
    Ok(next.map_or(Requeue::Await, Requeue::After))
}

/// Takes in what ended since the last look.
async fn read_letters(context: &Context, target: &Target, current: &mut Current) -> Result<(), Error> {
    for (step, fate) in current.deletes.collect() {
        commit::receive(context, target, current, step, fate);
    }
    commit::resolve(context, target, current).await;
    Ok(context.desk.receive(&mut current.rollout).await?)
}

/// How far the DaemonSet is, for those that wait for it: the plan tells only of the template that the run is about.
fn progress(target: &Target, current: &Current, report: &Report) -> Progress {
    let is_newest = target.observed && current.generation == target.generation;
    if is_newest { Progress::of(report) } else { Progress::everywhere(Met::Unknown) }
}
