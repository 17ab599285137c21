//! Third step: carry out the plan. No decisions, only the lease's permit before each write. Answers go into the mirrors, so that the
//! next look sees what was written.

mod record;
mod troubles;
mod write;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1 as apps;
use kube::Resource;
use serde_json::Value;

use crate::context::Context;
use crate::memory::Memory;
use crate::metrics::Written;
use crate::observe::Snapshot;
use crate::plan::{Action, Cause, Plan, Step};
use crate::status::Failures;
pub(crate) use record::{Unrecorded, record, retire};
pub(crate) use troubles::Troubles;
use write::Fate;

/// So soon is looked again at what was another object by the time of the write.
const MOVED: Duration = Duration::from_millis(500);

/// What became of a plan's steps.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What failed, now or when it was tried last.
    pub(crate) failures: Failures,
    /// What was written: what was done, and in which pool.
    pub(crate) written: Vec<(Deed, String)>,
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

/// Carries out all steps at once, but for those that failed a moment ago.
pub(crate) async fn steps(context: &Context, snapshot: &Snapshot, memory: &mut Memory, plan: &mut Plan) -> Done {
    let namespace = snapshot.set.metadata.namespace.as_deref().unwrap_or_default();
    let mut done = Done::default();
    memory.troubles.keep(&plan.steps);
    let (due, waiting): (Vec<_>, Vec<_>) =
        plan.steps.iter_mut().partition(|step| memory.troubles.waits(step, Instant::now()).is_none());
    for step in waiting {
        let Some((why, left)) = memory.troubles.waits(step, Instant::now()) else { continue };
        done.again = done.again.into_iter().chain([left]).min();
        done.fail(step, why.to_owned());
    }
    let outcomes = join_all(due.into_iter().map(async |step| {
        // The semaphore is never closed.
        let _turn = context.writes.acquire().await;
        let fate = write::write(context, namespace, step).await;
        (step, fate)
    }));
    for (step, fate) in outcomes.await {
        let outcome = match fate {
            Fate::Written { left } => {
                memory.troubles.end(step);
                note_left(memory, step, left);
                done.written.push((deed(&step.action), step.pool.clone()));
                "done"
            }
            Fate::Deleted => {
                memory.troubles.end(step);
                memory.deleted.get_or_insert_default().push(Timestamp::now());
                done.written.push((Deed::Deleted, step.pool.clone()));
                "done"
            }
            Fate::Moved => {
                done.again = done.again.into_iter().chain([MOVED]).min();
                "moved"
            }
            Fate::NotLeading => "not_leading",
            Fate::Failed(why) => {
                let wait = memory.troubles.begin(step, &why, Instant::now());
                done.again = done.again.into_iter().chain([wait]).min();
                if let Action::Delete { .. } = step.action {
                    // Nobody knows whether it was carried out.
                    memory.deleted.get_or_insert_default().push(Timestamp::now());
                }
                done.fail(step, why);
                "failed"
            }
        };
        context.metrics.writes.get_or_create(&Written { action: step.action.word(), outcome }).inc();
    }
    done
}

impl Done {
    /// Nothing is made of a revision that is not recorded.
    pub(crate) fn unrecorded(why: &Unrecorded) -> Self {
        let failures = Failures { revision: Some(why.to_string()), ..Failures::default() };
        Self { failures, ..Self::default() }
    }

    fn fail(&mut self, step: &Step, why: String) {
        match &step.action {
            Action::Create { .. } | Action::Apply { .. } => drop(self.failures.written.insert(step.pool.clone(), why)),
            Action::Delete { name, .. } => drop(self.failures.deleted.insert(name.clone(), why)),
        }
    }
}

/// The collection of a workload that is written.
pub(crate) fn collection(body: &Value, namespace: &str) -> String {
    match body["kind"].as_str() {
        Some("StatefulSet") => apps::StatefulSet::url_path(&(), Some(namespace)),
        _ => apps::Deployment::url_path(&(), Some(namespace)),
    }
}

/// What an apply left otherwise would be applied for ever.
fn note_left(memory: &mut Memory, step: &Step, left: Vec<String>) {
    let Action::Apply { uid, .. } = &step.action else { return };
    if left.is_empty() {
        memory.stubborn.remove(uid);
    } else {
        tracing::info!(pool = step.pool, ?left, "the API server writes these fields otherwise than they are asked for");
        memory.stubborn.insert(uid.clone(), left.into_iter().collect::<BTreeSet<_>>());
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
