//! Third step: carry out the plan. No decisions, only the lease's permit before each write. Answers go into the mirrors, so that the
//! next look sees what was written.

mod doubts;
mod fights;
mod record;
mod troubles;
mod write;

use std::collections::{BTreeSet, HashSet};
use std::pin::pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use api::fleet_rollout::FleetRollout;
use api::names::app_set::WorkloadKind;
use controller_runtime::causes::Causes;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1 as apps;
use kube::Resource;

use crate::context::Context;
use crate::drift::Difference;
use crate::memory::Memory;
use crate::metrics::Written;
use crate::observe::Snapshot;
use crate::plan::{Action, Cause, Hold, Plan, Step};
use crate::reconcile::Error;
use crate::status::Failures;
pub(crate) use doubts::{Doubt, Unresolved, resolve};
pub(crate) use fights::Fights;
pub(crate) use record::{Unrecorded, record, retire};
pub(crate) use troubles::Troubles;
use write::Fate;

/// So soon is looked again at what was another object by the time of the write.
const MOVED: Duration = Duration::from_millis(500);

/// So long a look begins writes, unless something else is asked for: what it costs to stop and look again is little beside that.
const SLICE: Duration = Duration::from_secs(5);

/// What became of a plan's steps.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What failed, now or when it was tried last.
    pub(crate) failures: Failures,
    /// What was written: what was done to a workload of which kind, and in which pool.
    pub(crate) written: Vec<(Deed, WorkloadKind, String)>,
    /// Nothing was written because the revision could not be recorded.
    pub(crate) unrecorded: bool,
    /// Pools whose write had no answer.
    pub(crate) doubtful: Vec<String>,
    /// When to try again.
    pub(crate) again: Option<Duration>,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    Created,
    Adopted,
    Updated,
    /// These fields were put back.
    Repaired(Vec<String>),
    Deleted,
}

/// Carries out the steps, as many at once as may be, but for those that failed a moment ago and those that only go on with a fight. What
/// is not begun within [`SLICE`] is left to the next look, and held in the plan: a thousand writes must not keep everybody from being
/// told how it stands, nor go on when something else is asked for.
pub(crate) async fn steps(context: &Context, snapshot: &Snapshot, memory: &mut Memory, plan: &mut Plan) -> Done {
    let (mut done, mut left) = (Done::default(), Vec::new());
    memory.troubles.keep(plan);
    if !memory.stubborn.is_empty() {
        let there: HashSet<&str> = snapshot.children().iter().map(|child| child.uid.as_str()).collect();
        memory.stubborn.retain(|uid, _| there.contains(uid.as_str()));
    }
    let now = Instant::now();
    for (pool, why, left) in memory.troubles.held(&plan.holds, now) {
        done.look_again(left);
        done.failures.written.insert(pool.to_owned(), why.to_owned());
    }
    for (name, why) in memory.troubles.undeleted() {
        // It waits for others because it failed.
        if matches!(plan.spared.get(name), Some(Hold::Deletions { .. })) {
            plan.spared.remove(name);
            done.failures.deleted.insert(name.to_owned(), why.to_owned());
        }
    }
    let mut due = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        if let Some((why, left)) = memory.troubles.waits(step, now) {
            done.look_again(left);
            done.fail(step, why.to_owned());
        } else if let Some((left, why)) = memory.fights.puts_off(step, now) {
            done.look_again(left);
            why.into_iter().for_each(|why| done.fail(step, why));
        } else {
            due.push(step);
        }
    }
    let (began, run) = (OnceLock::new(), memory.rollout.as_ref().map(|rollout| rollout.object.clone()));
    let writes: Vec<_> =
        due.into_iter().map(|step| carry_out(context, snapshot, run.as_deref(), step, &began)).collect();
    let mut outcomes = pin!(stream::iter(writes).buffer_unordered(usize::from(context.config.writes_at_once)));
    while let Some((step, fate)) = outcomes.next().await {
        if let Fate::Unanswered(_) = fate {
            match Doubt::of(step) {
                Some(doubt) => {
                    memory.doubts.push(doubt);
                    done.doubtful.push(step.pool.clone());
                }
                // A deletion, of which nobody knows whether it was carried out.
                None => memory.deleted.get_or_insert_default().push(Timestamp::now()),
            }
        }
        let outcome = match fate {
            Fate::Written { left } => {
                memory.troubles.end(step);
                memory.fights.note(step, Instant::now());
                note_left(memory, step, left);
                done.written.push((deed(&step.action), kind(&step.action), step.pool.clone()));
                "done"
            }
            Fate::Deleted => {
                memory.troubles.end(step);
                memory.deleted.get_or_insert_default().push(Timestamp::now());
                done.written.push((Deed::Deleted, kind(&step.action), step.pool.clone()));
                "done"
            }
            Fate::Moved => {
                done.look_again(MOVED);
                left.push(step);
                "moved"
            }
            Fate::NotBegun => {
                done.look_again(Duration::ZERO);
                left.push(step);
                continue;
            }
            Fate::NotLeading => "not_leading",
            Fate::Failed(why) | Fate::Unanswered(why) => {
                let wait = memory.troubles.begin(step, &why, Instant::now());
                done.look_again(wait);
                done.fail(step, why);
                "failed"
            }
        };
        context.metrics.writes.get_or_create(&Written { action: step.action.word(), outcome }).inc();
    }
    let waits = || Hold::Wave("other workloads are written first".to_owned());
    for step in left {
        match &step.action {
            Action::Create { .. } | Action::Apply { .. } => drop(plan.holds.insert(step.pool.clone(), waits())),
            Action::Delete { name, .. } => drop(plan.spared.insert(name.clone(), waits())),
        }
    }
    done
}

async fn carry_out<'a>(
    context: &Context,
    snapshot: &Snapshot,
    run: Option<&FleetRollout>,
    step: &'a Step,
    began: &OnceLock<Instant>,
) -> (&'a Step, Fate) {
    // The semaphore, which all YurtAppSets share, is never closed. Time counts from the first turn: whoever had to wait for that, because
    // of others, writes all the same.
    let _turn = context.writes.acquire().await;
    if began.get_or_init(Instant::now).elapsed() >= SLICE || snapshot.is_superseded(context, run) {
        return (step, Fate::NotBegun);
    }
    let namespace = snapshot.set.metadata.namespace.as_deref().unwrap_or_default();
    let fate = write::write(context, namespace, step).await;
    (step, fate)
}

impl Done {
    /// Nothing is made of a revision that could not be tried, is not recorded, or has no run.
    pub(crate) fn nothing(why: &Error) -> Self {
        let failures = Failures { revision: Some(Causes(why).to_string()), ..Failures::default() };
        Self { failures, unrecorded: matches!(why, Error::Unrecorded(_)), ..Self::default() }
    }

    fn look_again(&mut self, after: Duration) {
        self.again = self.again.into_iter().chain([after]).min();
    }

    fn fail(&mut self, step: &Step, why: String) {
        match &step.action {
            Action::Create { .. } | Action::Apply { .. } => drop(self.failures.written.insert(step.pool.clone(), why)),
            Action::Delete { name, .. } => drop(self.failures.deleted.insert(name.clone(), why)),
        }
    }
}

/// The collection of workloads of a kind.
pub(crate) fn collection(kind: WorkloadKind, namespace: &str) -> String {
    match kind {
        WorkloadKind::Deployment => apps::Deployment::url_path(&(), Some(namespace)),
        WorkloadKind::StatefulSet => apps::StatefulSet::url_path(&(), Some(namespace)),
    }
}

/// What an apply left otherwise would be applied for ever.
fn note_left(memory: &mut Memory, step: &Step, left: Vec<Difference>) {
    let Action::Apply { uid, .. } = &step.action else { return };
    if left.is_empty() {
        memory.stubborn.remove(uid);
    } else {
        tracing::info!(pool = step.pool, ?left, "the API server writes these fields otherwise than they are asked for");
        memory.stubborn.insert(uid.clone(), left.into_iter().collect::<BTreeSet<_>>());
    }
}

fn kind(action: &Action) -> WorkloadKind {
    match action {
        Action::Create { body } | Action::Apply { body, .. } => body.kind(),
        Action::Delete { kind, .. } => *kind,
    }
}

fn deed(action: &Action) -> Deed {
    match action {
        Action::Create { .. } => Deed::Created,
        Action::Apply { cause: Cause::Adopted, .. } => Deed::Adopted,
        Action::Apply { cause: Cause::Changed, .. } => Deed::Updated,
        Action::Apply { cause: Cause::Drifted(paths), .. } => Deed::Repaired(paths.clone()),
        Action::Delete { .. } => Deed::Deleted,
    }
}
