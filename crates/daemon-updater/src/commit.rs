//! Fourth step: carry out the plan. No decisions, only fences: the lease's permit, the pod's UID, and what became of it.
//!
//! Deletes run beside the reconcile, so that a slow answer delays no other slot. Each counts as accepted from the moment it
//! is started; one that ends otherwise leaves a letter, which the next look at the DaemonSet reads first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::names::{self, reason};
use controller_runtime::client::{Deleted, WriteError, delete_pod};
use controller_runtime::events::{Note, Severity, Tally};
use controller_runtime::lease::NotLeading;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use planner::rollout::Restart;

use crate::admit::Target;
use crate::context::{Context, Current, Ended};

/// How long starts wait after a refusal that names no time of its own.
const AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// What a delete leaves that was not simply accepted.
pub(crate) type DeleteEnded = (Restart, Fate);

/// How a delete ended.
#[derive(Debug)]
pub(crate) enum Fate {
    Accepted,
    /// Nobody knows: it counts as accepted until a quorum read tells.
    Doubtful,
    /// The pod was gone, or another had its name.
    Moved,
    Refused(String, Option<Duration>),
    NotLeading(NotLeading),
}

/// Starts the deletes of all steps.
pub(crate) fn commit(
    context: &Arc<Context>,
    target: &Target,
    current: &mut Current,
    steps: Vec<Restart>,
    freed: Option<Instant>,
) {
    if let Some(freed) = freed.filter(|_| !steps.is_empty()) {
        context.metrics.slot_to_delete.observe(freed.elapsed().as_secs_f64());
    }
    let now = Timestamp::now();
    for step in steps {
        // From here on no plan sees this pod as it was.
        context.fleet.overlay_delete(target.uid, &step.node, step.pod_uid);
        current.rollout.run.activate(&step, now);
        let (context, letters, daemon_set) = (context.clone(), current.deletes.clone(), target.uid);
        let about = context.desk.subject(&target.namespace, &target.name, daemon_set);
        let namespace = target.namespace.clone();
        tokio::spawn(async move {
            let fate = delete(&context, &namespace, &step).await;
            context.metrics.deletes.get_or_create(&Ended { outcome: fate.word() }).inc();
            match &fate {
                Fate::Accepted | Fate::Doubtful => {
                    let note = Note::Item { item: step.pod.to_string(), say: deleted };
                    context.events.record(&about, Severity::Normal, reason::SUCCESSFUL_DELETE, note);
                }
                Fate::Refused(why, _) => {
                    let note = Note::Said(names::error_deleting(why));
                    context.events.record(&about, Severity::Warning, reason::FAILED_DELETE, note);
                }
                Fate::Moved | Fate::NotLeading(_) => {}
            }
            if !matches!(fate, Fate::Accepted) {
                letters.leave((step, fate));
                context.queue.add(daemon_set);
            }
        });
    }
}

/// Reads what became of a delete that was not simply accepted.
pub(crate) fn receive(context: &Context, target: &Target, current: &mut Current, step: Restart, fate: Fate) {
    let take_back = |current: &mut Current| {
        context.fleet.lift_overlay(target.uid, &step.node, step.pod_uid);
        current.rollout.run.retract(step.node_uid);
    };
    match fate {
        Fate::Accepted => {}
        Fate::Doubtful => current.doubts.push(step),
        Fate::Moved => take_back(current),
        Fate::Refused(why, retry_after) => {
            let wait = SignedDuration::try_from(retry_after.unwrap_or(AFTER_REFUSAL)).unwrap_or(SignedDuration::MAX);
            take_back(current);
            current.refused = Some((why, Timestamp::now() + wait));
        }
        Fate::NotLeading(reason) => {
            tracing::info!(%reason, pod = %step.pod, "not deleted");
            take_back(current);
        }
    }
}

/// Finds out, by quorum reads, what became of deletes without an answer. Those that cannot be read stay in doubt, and so
/// count as accepted.
pub(crate) async fn resolve(context: &Context, target: &Target, current: &mut Current) {
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &target.namespace);
    let doubts = std::mem::take(&mut current.doubts);
    for step in doubts {
        match pods.get_metadata_opt(&step.pod).await {
            Ok(Some(pod)) => {
                let same = pod.metadata.uid == Some(step.pod_uid.to_string());
                if same && pod.metadata.deletion_timestamp.is_none() {
                    tracing::info!(pod = %step.pod, "the delete without an answer did not happen");
                    context.fleet.lift_overlay(target.uid, &step.node, step.pod_uid);
                    current.rollout.run.retract(step.node_uid);
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(pod = %step.pod, %error, "outcome of a delete still unknown");
                current.doubts.push(step);
            }
        }
    }
}

async fn delete(context: &Context, namespace: &str, step: &Restart) -> Fate {
    // Never closed.
    let _turn = context.deletes.acquire().await;
    let _permit = match context.leadership.permit() {
        Ok(permit) => permit,
        Err(reason) => return Fate::NotLeading(reason),
    };
    #[cfg(feature = "seeded-bugs")]
    if crate::seeded::Bug::NoUid.is_on() {
        return crate::seeded::delete_without_uid(context, namespace, step).await;
    }
    match delete_pod(&context.client, namespace, &step.pod, &step.pod_uid.to_string()).await {
        Ok(Deleted::Accepted) => Fate::Accepted,
        Ok(Deleted::Gone | Deleted::Moved) => Fate::Moved,
        Err(WriteError::Unknown { reason, .. }) => {
            tracing::warn!(pod = %step.pod, reason, "delete without an answer");
            Fate::Doubtful
        }
        Err(WriteError::Refused { status, message, retry_after }) => {
            Fate::Refused(format!("{status}: {message}"), retry_after)
        }
        Err(error @ WriteError::Unaskable { .. }) => Fate::Refused(error.to_string(), None),
    }
}

/// One deleted pod as OpenYurt says it, several in one sentence.
fn deleted(tally: &Tally) -> String {
    match tally.count() {
        1 => names::deleted_pod(&tally.names()),
        count => format!("Deleted {count} pods: {}", tally.names()),
    }
}

impl Fate {
    const fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Doubtful => "doubtful",
            Self::Moved => "moved",
            Self::Refused(..) => "refused",
            Self::NotLeading(_) => "not_leading",
        }
    }
}
