//! One YurtAppSet, looked at once: observe, plan, commit, publish.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use api::yurt_app_set::YurtAppSet;
use controller_runtime::lease::NotLeading;
use controller_runtime::queue::{Disposition, ReconcileError, Requeue};
use controller_runtime::rollouts;
use jiff::Timestamp;
use planner::fleet::Uid;

use crate::commit::{self, Done, Unrecorded, Unresolved};
use crate::context::Context;
use crate::memory::Memory;
use crate::mirrors::SeenSet;
use crate::observe::{Snapshot, Unread};
use crate::trials::Untried;
use crate::{pace, publish, rollout};

/// What is about to show is looked for again so soon.
const SOON: Duration = Duration::from_millis(500);

/// Why a YurtAppSet could not be brought forward.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Unread(#[from] Unread),
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    #[error(transparent)]
    Untried(#[from] Untried),
    #[error("recording the revision")]
    Unrecorded(#[source] Unrecorded),
    #[error(transparent)]
    Rollout(#[from] rollouts::Error),
    #[error("writing the YurtAppSet's status")]
    Publish(#[source] kube::Error),
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
}

impl ReconcileError for Error {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Unread(_) | Self::Unresolved(_) | Self::Untried(_) | Self::Unrecorded(_) | Self::Publish(_) => {
                Disposition::Backoff
            }
            Self::Rollout(error) => error.disposition(),
            // Whoever leads next wakes every YurtAppSet.
            Self::NotLeading(_) => Disposition::AwaitChange,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Unread(_) => "unread",
            Self::Unresolved(_) => "unresolved",
            Self::Untried(_) => "untried",
            Self::Unrecorded(_) => "unrecorded",
            Self::Rollout(error) => error.kind(),
            Self::Publish(_) => "publish",
            Self::NotLeading(_) => "not_leading",
        }
    }
}

/// Looks at one YurtAppSet. Level-triggered: what woke it does not matter.
#[tracing::instrument(level = "debug", skip_all, fields(yurt_app_set = %key))]
pub(crate) async fn reconcile(context: Arc<Context>, key: Uid) -> Result<Requeue, Error> {
    let Some(term) = context.gate.term() else { return Ok(Requeue::Await) };
    let Some(seen) = context.mirrors.sets.get(key) else {
        context.forget(key);
        return Ok(Requeue::Await);
    };
    let mut memory = context.memories.take(key, &seen.key());
    let ended = match &seen.read {
        // What belongs to it is left to the garbage collector.
        Ok(set) if set.metadata.deletion_timestamp.is_some() => {
            context.desk.release(key);
            Ok(Requeue::Await)
        }
        Ok(set) => advance(&context, &seen, set, &mut memory).await,
        Err(unreadable) => {
            // What was told of what it was counts no more.
            context.desk.release(key);
            let late = publish::unreadable(&context, &seen, &mut memory, unreadable).await;
            late.map(|late| late.map_or(Requeue::Await, Requeue::After))
        }
    };
    // What was remembered in an earlier term is not worth remembering, nor of what went meanwhile.
    if context.gate.term() == Some(term) {
        context.memories.put(key, memory);
    }
    if context.mirrors.sets.get(key).is_none() {
        context.forget(key);
    }
    ended
}

async fn advance(
    context: &Arc<Context>,
    seen: &SeenSet,
    set: &Arc<YurtAppSet>,
    memory: &mut Memory,
) -> Result<Requeue, Error> {
    rollout::expire(context, seen, set);
    commit::resolve(context, &seen.namespace, &mut memory.doubts).await?;
    let mut snapshot = Snapshot::mirrored(context, seen, set);
    pace::recall(context, &snapshot, memory);
    let Some(mut look) = rollout::look(context, seen, &mut snapshot, memory).await? else {
        return Ok(Requeue::After(SOON));
    };
    let mut unread = None;
    if look.plan.confirm && look.failed.is_none() {
        match snapshot.confirm(context).await {
            Ok(()) => {
                let Some(confirmed) = rollout::look(context, seen, &mut snapshot, memory).await? else {
                    return Ok(Requeue::After(SOON));
                };
                look = confirmed.after(look);
            }
            // What needs no confirmation is done all the same.
            Err(why) => unread = Some(Error::Unread(why)),
        }
    }
    let may_restart = look.failed.is_none() && look.plan.steps.iter().any(|step| !step.action.is_repair());
    let is_behind = may_restart && !snapshot.is_newest(context, seen).await?;
    if is_behind {
        look.plan.steps.retain(|step| step.action.is_repair());
    }
    let done = match &look.failed {
        None => commit::steps(context, &snapshot, memory, &mut look.plan).await,
        Some(why) => Done::nothing(why),
    };
    commit::retire(context, &snapshot, &look.plan.retired).await;
    let (revisit, failed) = (look.plan.revisit, look.failed.take());
    let plan = mem::take(&mut look.plan);
    let settled = rollout::settle(context, seen, set, memory, look, &done).await;
    let late = publish::publish(context, seen, snapshot.renewed(context, seen), memory, &plan, &done).await?;
    if let Some(failed) = failed.or(unread) {
        return Err(failed);
    }
    let revisit = revisit.map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
    let soon = is_behind.then_some(SOON);
    let taken = memory.occupied.again();
    let next = [revisit, done.again, late, soon, taken, memory.trials.again(), settled?].into_iter().flatten().min();
    Ok(next.map_or(Requeue::Await, Requeue::After))
}
