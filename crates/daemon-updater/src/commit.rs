//! Fourth step: carry out the plan. No decisions, only fences: the lease's permit, the pod's UID, and what became of it.

use std::time::{Duration, Instant};

use controller_runtime::client::{Deleted, WriteError, delete_pod};
use controller_runtime::lease::NotLeading;
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use planner::rollout::Restart;

use crate::admit::Target;
use crate::context::{Context, Current, Ended};

/// How long starts wait after a refusal that names no time of its own.
const AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// What became of the steps.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Pods whose delete was accepted, or may have been.
    pub(crate) deleted: Vec<Restart>,
    /// Pods whose delete was refused, with the API server's words.
    pub(crate) refused: Vec<(Restart, String)>,
    /// The world moved: look again at once.
    pub(crate) moved: bool,
}

#[derive(Debug)]
pub(crate) enum Fate {
    Accepted,
    Doubtful,
    /// The pod was gone, or another had its name.
    Moved,
    Refused(String, Option<Duration>),
    NotLeading(NotLeading),
}

/// Deletes the pods of all steps, several at once.
pub(crate) async fn commit(
    context: &Context,
    target: &Target,
    current: &mut Current,
    steps: Vec<Restart>,
    freed: Option<Instant>,
) -> Done {
    let mut done = Done::default();
    // From here on no plan sees these pods as they were.
    steps.iter().for_each(|step| context.fleet.overlay_delete(target.uid, &step.node, step.pod_uid));
    if let Some(freed) = freed.filter(|_| !steps.is_empty()) {
        context.metrics.slot_to_delete.observe(freed.elapsed().as_secs_f64());
    }
    let delete = |step: Restart| async move {
        let fate = delete(context, &target.namespace, &step).await;
        (step, fate)
    };
    let mut fates = stream::iter(steps).map(delete).buffer_unordered(usize::from(context.config.kube.deletes_at_once));
    while let Some((step, fate)) = fates.next().await {
        context.metrics.deletes.get_or_create(&Ended { outcome: fate.word() }).inc();
        if matches!(fate, Fate::Accepted | Fate::Doubtful) {
            current.run.activate(&step, Timestamp::now());
        } else {
            context.fleet.lift_overlay(target.uid, &step.node, step.pod_uid);
        }
        match fate {
            Fate::Accepted => done.deleted.push(step),
            Fate::Doubtful => {
                current.doubts.push(step.clone());
                done.deleted.push(step);
            }
            Fate::Moved => done.moved = true,
            Fate::Refused(why, retry_after) => {
                let wait =
                    SignedDuration::try_from(retry_after.unwrap_or(AFTER_REFUSAL)).unwrap_or(SignedDuration::MAX);
                current.refused = Some((why.clone(), Timestamp::now() + wait));
                done.refused.push((step, why));
            }
            Fate::NotLeading(reason) => tracing::info!(%reason, pod = %step.pod, "not deleted"),
        }
    }
    done
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
                    current.run.retract(step.node_uid);
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
