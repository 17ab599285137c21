//! What a strategy asks of the world beyond nodes and pods, as a snapshot shows it.

use api::approval_request::ApprovalRequest;
use api::fleet_rollout::{FleetRollout, Phase};
use api::names;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use planner::fleet::Name;
use planner::rollout::Decided;

use super::Snapshot;

/// The decisions on the waves of a run.
pub(crate) fn decisions(approvals: &[ApprovalRequest], run: &FleetRollout) -> Vec<Decided> {
    let uid = run.uid().unwrap_or_default();
    let mine = approvals.iter().filter(|request| request.spec.rollout_ref.uid == uid);
    mine.filter_map(|request| request.spec.decided()).collect()
}

/// The revision of the last run of a target that completed, older than this one.
pub fn last_completed(runs: &[FleetRollout], before: i64) -> Option<&FleetRollout> {
    let older = runs.iter().filter(|run| run.spec.revision.number < before);
    older.filter(|run| is_completed(run)).max_by_key(|run| run.spec.revision.number)
}

/// Whether a run was done once. Paused or held since, it still is; halted, it failed after all.
fn is_completed(run: &FleetRollout) -> bool {
    let completed = |known: &Condition| known.type_ == names::condition::COMPLETED && known.status == "True";
    run.status.as_ref().is_some_and(|status| {
        status.phase == Phase::Completed || status.halt.is_none() && status.conditions.iter().any(completed)
    })
}

/// The hash in a revision's name: `<target>-<hash>`.
pub(super) fn hash(snapshot: &Snapshot, revision_name: &str) -> Option<Name> {
    let found = snapshot.revisions.iter().find(|revision| revision.metadata.name == revision_name)?;
    found.hash().map(Name::from)
}
