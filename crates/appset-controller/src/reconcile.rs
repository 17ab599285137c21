//! One YurtAppSet, looked at once: observe, plan, commit, publish.

use std::sync::Arc;
use std::time::Duration;

use api::yurt_app_set::YurtAppSet;
use controller_runtime::lease::NotLeading;
use controller_runtime::queue::{Disposition, ReconcileError, Requeue};
use jiff::Timestamp;
use planner::fleet::Uid;

use crate::commit::{self, Done, Unrecorded};
use crate::context::Context;
use crate::memory::Memory;
use crate::mirrors::SeenSet;
use crate::observe::{Snapshot, Unread};
use crate::plan::{Plan, Released, Standing};
use crate::trials::Untried;
use crate::{pace, publish};

/// A name may be taken by somebody else's revision; twice in a row is somebody who does it on purpose.
const CLASHES: usize = 8;

/// Why a YurtAppSet could not be brought forward.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Unread(#[from] Unread),
    #[error(transparent)]
    Untried(#[from] Untried),
    #[error("recording the revision")]
    Unrecorded(#[source] Unrecorded),
    #[error("writing the YurtAppSet's status")]
    Publish(#[source] kube::Error),
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
}

impl ReconcileError for Error {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Unread(_) | Self::Untried(_) | Self::Unrecorded(_) | Self::Publish(_) => Disposition::Backoff,
            // Whoever leads next wakes every YurtAppSet.
            Self::NotLeading(_) => Disposition::AwaitChange,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Unread(_) => "unread",
            Self::Untried(_) => "untried",
            Self::Unrecorded(_) => "unrecorded",
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
            publish::unreadable(&context, &seen, &mut memory, unreadable);
            Ok(Requeue::Await)
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
    let mut snapshot = Snapshot::mirrored(context, seen, set);
    pace::recall(context, &snapshot, memory);
    let refused = memory.trials.refused(set.metadata.generation);
    let mut plan = snapshot.plan(context, memory, &refused, Released::All);
    if plan.confirm {
        snapshot = snapshot.confirmed(context).await?;
        plan = snapshot.plan(context, memory, &refused, Released::All);
    }
    if snapshot.standing == Standing::Acting && memory.trials.run(context, &seen.namespace, &plan).await? {
        let refused = memory.trials.refused(set.metadata.generation);
        plan = snapshot.plan(context, memory, &refused, Released::All);
    }
    let (done, unrecorded) = match record(context, &mut snapshot, memory, &mut plan).await {
        Ok(()) => (commit::steps(context, &snapshot, memory, &mut plan).await, None),
        Err(Unrecorded::NotLeading(reason)) => return Err(reason.into()),
        Err(unrecorded) => (Done::unrecorded(&unrecorded), Some(unrecorded)),
    };
    commit::retire(context, &snapshot, &plan.retired).await;
    let late = publish::publish(context, seen, snapshot.renewed(context, seen), memory, &plan, &done).await?;
    if let Some(unrecorded) = unrecorded {
        return Err(Error::Unrecorded(unrecorded));
    }
    let revisit = plan.revisit.map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
    let next = [revisit, done.again, late, memory.trials.again()].into_iter().flatten().min();
    Ok(next.map_or(Requeue::Await, Requeue::After))
}

/// Makes the revision of the spec the newest one. The plan is another one where its name was taken.
async fn record(
    context: &Context,
    snapshot: &mut Snapshot,
    memory: &mut Memory,
    plan: &mut Plan,
) -> Result<(), Unrecorded> {
    for _ in 0..CLASHES {
        let Some(current) = &plan.current else { return Ok(()) };
        if commit::record(context, snapshot, current).await? {
            return Ok(());
        }
        let refused = memory.trials.refused(snapshot.set.metadata.generation);
        *plan = snapshot.plan(context, memory, &refused, Released::All);
    }
    Err(Unrecorded::Clashes)
}
