//! FleetRollout's life: begun per revision, published from what was committed, superseded, and pruned as history.

pub mod approvals;
pub mod strategies;

use api::fleet_rollout::{
    Attention, DesiredState, FleetRollout, FleetRolloutSpec, FleetRolloutStatus, MAX_ATTENTION, Phase, Strategy,
    WaveState, WaveStatus,
};
use api::names::{self, condition};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, OwnerReference, Time};
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions, Request};
use kube::{Client, Resource, ResourceExt};
use planner::fleet::Uid;
use planner::rollout::{self, Report, Run, RunPhase, WaveReport};
use serde_json::json;

use crate::mirror::Mirrored;
use crate::watch::{ResourceVersion, Versioned};

/// The longest sentence in a status, in characters: more is for `RolloutService` to tell.
const SENTENCE: usize = 500;

/// What became of a run when its target got a newer revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The newer revision goes on from where it was.
    Superseded,
    /// The newer revision is the last that completed: the run failed, and its strategy asks for that.
    RolledBack,
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
/// creation was noticed), that one is the run.
pub async fn create(client: &Client, namespace: &str, spec: FleetRolloutSpec) -> Result<FleetRollout, kube::Error> {
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
        Err(kube::Error::Api(status)) if status.is_already_exists() => runs.get(&name).await,
        other => other,
    }
}

/// Gives a run the strategy that it waited for, once. Fails with a conflict when somebody changed the run meanwhile.
pub async fn give_strategy(
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

/// Writes a run's status whole, as its only writer.
pub async fn publish(client: &Client, run: &FleetRollout, status: &FleetRolloutStatus) -> Result<(), kube::Error> {
    let body = json!({ "apiVersion": "drover.dev/v1alpha1", "kind": "FleetRollout", "status": status });
    write_status(client, run, body).await
}

/// Ends a run whose target has a newer revision. A Completed run stays so: it is where a rollback leads to.
pub async fn end(client: &Client, run: &FleetRollout, end: End, now: Timestamp) -> Result<(), kube::Error> {
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
    publish(client, run, &status).await
}

/// Deletes the oldest runs beyond what the target's `revisionHistoryLimit` keeps besides the present one. The last Completed
/// one stays: it is where a rollback leads to.
pub async fn prune(client: &Client, runs: &[FleetRollout], keep: usize) -> Result<(), kube::Error> {
    let mut old: Vec<_> = runs.iter().collect();
    old.sort_by_key(|run| std::cmp::Reverse(run.spec.revision.number));
    let completed = old.iter().position(|run| is_completed(run));
    let beyond = old.into_iter().enumerate().skip(keep + 1).filter(|(at, _)| Some(*at) != completed);
    for (_, run) in beyond {
        let api: Api<FleetRollout> = Api::namespaced(client.clone(), &run.namespace().unwrap_or_default());
        let preconditions = Preconditions { uid: run.metadata.uid.clone(), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match api.delete(&run.name_any(), &params).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a run is, or was when its target got a newer revision, Completed.
pub fn is_completed(run: &FleetRollout) -> bool {
    run.status.as_ref().is_some_and(|status| status.phase == Phase::Completed)
}

/// The status that a report makes. `before` gives the conditions' transition times.
pub fn status(object: &FleetRollout, report: &Report, run: &Run, now: Timestamp) -> FleetRolloutStatus {
    let before = object.status.clone().unwrap_or_default();
    let condition = |kind: &str, on: bool, reason: &str| flag(&before, kind, on, reason, &report.sentence, object, now);
    let phase = format!("{:?}", report.phase);
    let hold = report.hold.as_ref().map_or("None", |hold| hold.kind());
    let progressing = report.phase == RunPhase::Progressing;
    let completed = run.completed_at().is_some();
    FleetRolloutStatus {
        observed_generation: object.metadata.generation.unwrap_or_default(),
        phase: report.phase.into(),
        // Without a strategy nobody knows the waves.
        wave: object.spec.strategy.as_ref().map(|_| report.wave.to_string()),
        waves: if object.spec.strategy.is_some() { report.waves.iter().map(wave).collect() } else { Vec::new() },
        units: report.counts.into(),
        halt: run.halt().map(Into::into),
        attention: attention(report),
        conditions: vec![
            condition(condition::PROGRESSING, progressing, &phase),
            condition(condition::HELD, report.phase == RunPhase::Held, hold),
            condition(condition::HALTED, run.halt().is_some(), run.halt().map_or("None", |halt| halt.reason.as_str())),
            condition(condition::COMPLETED, completed, if completed { "AllReachableUnitsDone" } else { "UnitsToDo" }),
        ],
        record: Some(run.record(now)),
    }
}

/// Whether two statuses say the same; when the record was written is no difference.
pub fn says_the_same(a: &FleetRolloutStatus, b: &FleetRolloutStatus) -> bool {
    let records = match (&a.record, &b.record) {
        (Some(a), Some(b)) => a.says_the_same_as(b),
        (a, b) => a.is_none() == b.is_none(),
    };
    let without = |status: &FleetRolloutStatus| FleetRolloutStatus { record: None, ..status.clone() };
    records && without(a) == without(b)
}

/// The answer is the whole object once more: it is not decoded, the watch will tell.
async fn write_status(client: &Client, run: &FleetRollout, body: serde_json::Value) -> Result<(), kube::Error> {
    let path = FleetRollout::url_path(&(), run.namespace().as_deref());
    let params = PatchParams::apply(names::DAEMON_UPDATER).force();
    let request = Request::new(path).patch_subresource("status", &run.name_any(), &params, &Patch::Apply(body));
    client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
}

fn wave(wave: &WaveReport) -> WaveStatus {
    WaveStatus {
        name: wave.name.to_string(),
        state: match wave.state {
            rollout::WaveState::Waiting => WaveState::Waiting,
            rollout::WaveState::Open => WaveState::Open,
            rollout::WaveState::Succeeded => WaveState::Succeeded,
        },
        updated: wave.counts.updated,
        failed: wave.counts.failed,
    }
}

fn attention(report: &Report) -> Vec<Attention> {
    let pools = report.pools.iter().filter(|pool| pool.needs_attention);
    let entry = |pool: &planner::rollout::PoolReport| Attention {
        pool: pool.pool.to_string(),
        hold: shortened(&pool.to_string()),
    };
    pools.take(MAX_ATTENTION).map(entry).collect()
}

/// A condition, whose transition time moves only with its status.
fn flag(
    before: &FleetRolloutStatus,
    kind: &str,
    on: bool,
    reason: &str,
    message: &str,
    object: &FleetRollout,
    now: Timestamp,
) -> Condition {
    let status = if on { "True" } else { "False" };
    let known = before.conditions.iter().find(|condition| condition.type_ == kind);
    let since =
        known.filter(|condition| condition.status == status).map(|condition| condition.last_transition_time.clone());
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: shortened(message),
        observed_generation: object.metadata.generation,
        // In whole seconds, as the API server keeps it: what is read back must say the same.
        last_transition_time: since.unwrap_or_else(|| Time(whole_seconds(now))),
    }
}

fn version(metadata: &ObjectMeta) -> ResourceVersion {
    let version = metadata.resource_version.as_deref().and_then(|text| text.parse().ok());
    ResourceVersion(version.unwrap_or_default())
}

fn uid(metadata: &ObjectMeta) -> Uid {
    metadata.uid.as_deref().and_then(|uid| uid.parse().ok()).unwrap_or_default()
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn shortened(sentence: &str) -> String {
    match sentence.char_indices().nth(SENTENCE) {
        Some((end, _)) => format!("{}…", &sentence[..end]),
        None => sentence.to_owned(),
    }
}
