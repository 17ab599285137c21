//! The objects: begun per revision, given a strategy, written, ended, and pruned as history.

use api::fleet_rollout::{DesiredState, FleetRollout, FleetRolloutSpec, FleetRolloutStatus, Phase, Strategy};
use api::names::{self, condition};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, OwnerReference};
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions, Request};
use kube::{Client, Resource, ResourceExt};
use planner::fleet::Uid;
use serde::Serialize;
use serde_json::json;

use super::status::flag;
use crate::mirror::Mirrored;
use crate::watch::{ResourceVersion, Versioned};

/// What became of a run when its target got a newer revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The newer revision goes on from where it was.
    Superseded,
    /// The newer revision is the last that completed: the run failed, and its strategy asks for that.
    RolledBack,
}

/// A status of many units under way is large: it is sent as it is, without a tree of it in between.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'a> {
    api_version: &'static str,
    kind: &'static str,
    status: &'a FleetRolloutStatus,
}

impl Versioned for FleetRollout {
    fn resource_version(&self) -> ResourceVersion {
        version(&self.metadata)
    }
}

impl Mirrored for FleetRollout {
    type Owner = Uid;

    fn uid(&self) -> Uid {
        uid(&self.metadata)
    }

    fn belongs_to(&self) -> Option<Uid> {
        self.spec.target_ref.uid.parse().ok()
    }

    /// Its status is our own writing.
    fn is_like(&self, older: &Self) -> bool {
        self.spec == older.spec && self.metadata.deletion_timestamp == older.metadata.deletion_timestamp
    }
}

/// Creates a run's object in the namespace of its target, which owns it. When it is there already (a crash before its
/// creation was noticed), that one is the run, unless it is another revision's.
pub(super) async fn create(
    client: &Client,
    namespace: &str,
    spec: FleetRolloutSpec,
) -> Result<FleetRollout, kube::Error> {
    let target = &spec.target_ref;
    let name = names::fleet_rollout(&target.name, &target.uid, spec.revision.number);
    let owner = OwnerReference {
        api_version: target.api_version.clone(),
        kind: target.kind.clone(),
        name: target.name.clone(),
        uid: target.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    let labels = [(names::TARGET_UID.to_owned(), target.uid.clone())];
    let run = FleetRollout {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels.into()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    };
    let runs: Api<FleetRollout> = Api::namespaced(client.clone(), namespace);
    match runs.create(&PostParams::default(), &run).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let there = runs.get(&name).await?;
            let is_it = there.spec.revision == run.spec.revision;
            if is_it { Ok(there) } else { Err(kube::Error::Api(status)) }
        }
        other => other,
    }
}

/// Gives a run the strategy that it waited for, once. Fails with a conflict when somebody changed the run meanwhile.
pub(super) async fn give_strategy(
    client: &Client,
    run: &FleetRollout,
    name: &str,
    strategy: &Strategy,
) -> Result<FleetRollout, kube::Error> {
    let ObjectMeta { uid, resource_version, .. } = &run.metadata;
    let mut spec = json!({ "strategyName": name, "strategy": strategy });
    if strategy.start_paused && run.spec.desired_state == DesiredState::Running {
        spec["desiredState"] = json!(DesiredState::Paused);
    }
    let patch = json!({ "metadata": { "uid": uid, "resourceVersion": resource_version }, "spec": spec });
    let runs: Api<FleetRollout> = Api::namespaced(client.clone(), &run.namespace().unwrap_or_default());
    runs.patch(&run.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await
}

/// Writes a run's status whole, as its only writer: the controller of its target, under this field manager.
pub(super) async fn publish(
    client: &Client,
    manager: &str,
    run: &FleetRollout,
    status: &FleetRolloutStatus,
) -> Result<(), kube::Error> {
    let body = Statement { api_version: "drover.dev/v1alpha1", kind: "FleetRollout", status };
    let path = FleetRollout::url_path(&(), run.namespace().as_deref());
    let params = PatchParams::apply(manager).force();
    let request = Request::new(path).patch_subresource("status", &run.name_any(), &params, &Patch::Apply(body));
    // The answer is the whole object once more: it is not decoded, the watch will tell. Asking for less of it would leave the audit log
    // without what was said, and the tests' judges with it.
    client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
}

/// Ends a run whose target has a newer revision, and that did not complete.
pub(super) async fn end(
    client: &Client,
    manager: &str,
    run: &FleetRollout,
    end: End,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let before = run.status.clone().unwrap_or_default();
    let (phase, word, message) = match end {
        End::Superseded => (Phase::Superseded, "Superseded", "the target has a newer revision"),
        End::RolledBack => {
            (Phase::RolledBack, "RolledBack", "it failed: the target went back to the last completed revision")
        }
    };
    let conditions = vec![
        flag(&before, condition::PROGRESSING, false, word, message, run, now),
        flag(&before, condition::COMPLETED, false, word, message, run, now),
    ];
    let status = FleetRolloutStatus { phase, conditions, record: None, ..before };
    publish(client, manager, run, &status).await
}

/// Deletes the oldest runs beyond what the target's `revisionHistoryLimit` keeps besides the present one. The last Completed
/// one stays: it is where a rollback leads to.
pub(super) async fn prune(client: &Client, runs: &[FleetRollout], keep: usize) -> Result<(), kube::Error> {
    let mut old: Vec<_> = runs.iter().collect();
    old.sort_by_key(|run| std::cmp::Reverse(run.spec.revision.number));
    let completed = old.iter().position(|run| is_completed(run));
    let beyond = old.into_iter().enumerate().skip(keep + 1).filter(|(at, _)| Some(*at) != completed);
    for (_, run) in beyond {
        delete(client, run).await?;
    }
    Ok(())
}

/// Deletes a run, if it is there still.
pub(super) async fn delete(client: &Client, run: &FleetRollout) -> Result<(), kube::Error> {
    let api: Api<FleetRollout> = Api::namespaced(client.clone(), &run.namespace().unwrap_or_default());
    let preconditions = Preconditions { uid: run.metadata.uid.clone(), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    match api.delete(&run.name_any(), &params).await {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        other => other.map(drop),
    }
}

/// Whether a run is, or was when its target got a newer revision, Completed: also one that was paused or held after it, but none that
/// failed.
pub(super) fn is_completed(run: &FleetRollout) -> bool {
    let Some(status) = &run.status else { return false };
    let is_so = |known: &Condition| known.type_ == condition::COMPLETED && known.status == "True";
    status.phase == Phase::Completed || (status.halt.is_none() && status.conditions.iter().any(is_so))
}

pub(super) fn version(metadata: &ObjectMeta) -> ResourceVersion {
    let version = metadata.resource_version.as_deref().and_then(|text| text.parse().ok());
    ResourceVersion(version.unwrap_or_default())
}

pub(super) fn uid(metadata: &ObjectMeta) -> Uid {
    metadata.uid.as_deref().and_then(|uid| uid.parse().ok()).unwrap_or_default()
}
