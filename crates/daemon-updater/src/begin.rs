//! Second step: the run of the DaemonSet's newest revision. Found, continued, or begun.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::controller_revision::{self, ControllerRevision};
use api::fleet_rollout::{DesiredState, FleetRollout, FleetRolloutSpec, Phase, Revision, TargetRef};
use api::names::reason;
use controller_runtime::events::{Note, Severity};
use controller_runtime::rollouts::{self, End};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1 as apps;
use kube::api::{ListParams, Request};
use kube::{Resource, ResourceExt};
use planner::fleet::{Name, Uid};
use planner::rollout::Run;
use serde::Deserialize;

use crate::admit::Target;
use crate::context::{Context, Current, Places};
use crate::letters::Letters;
use crate::publish::subject;
use crate::reconcile::Error;
use crate::rollback;
use crate::rules::{self, Rules};

/// How soon revisions are asked for again when a pod has one that is not known.
pub(crate) const ASK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Revisions {
    items: Vec<ControllerRevision>,
}

/// The revisions of a DaemonSet.
struct Known<'a> {
    newest: &'a ControllerRevision,
    /// All of them: names and hashes.
    hashes: Vec<(&'a str, &'a str)>,
}

impl Known<'_> {
    /// By their hashes, as pods name them.
    fn names(&self) -> Vec<Name> {
        self.hashes.iter().map(|(_, hash)| Name::from(*hash)).collect()
    }
}

/// Makes `current`, the run that is remembered if any, the run of the newest revision. It stays `None` while the
/// DaemonSet controller has not made the first revision; its doing so is an event. An error leaves it as it is.
pub(crate) async fn current(
    context: &Context,
    target: &Target,
    current: &mut Option<Box<Current>>,
) -> Result<(), Error> {
    match current.as_mut() {
        Some(known) if known.generation == target.generation && !asks_again(known) => {
            if let Some(newer) = context.rollouts.get(uid(&known.object)) {
                known.object = newer;
            }
        }
        // A write of the last run's status is under way, and would undo that the run is over. Its end wakes the next look.
        Some(known) if known.publishing && known.generation != target.generation => {}
        // The template may have changed: the last run goes on to be watched, and starts nothing (`Target::observed`).
        _ if !target.observed => {}
        _ => find(context, target, current).await?,
    }
    match current {
        Some(current) => rules::complete(context, target, current).await,
        None => Ok(()),
    }
}

/// A pod of an unknown revision is most often one of a template that is newer than our view of the DaemonSet, whose event
/// is on its way. One that stays unknown (an edited label) must not cost a list for each look.
fn asks_again(known: &Current) -> bool {
    known.doubtful_revision && known.known_at.elapsed() >= ASK_AGAIN
}

/// Asks the API server, once per generation and with quorum, which revision is the newest. A mirror of revisions could
/// lag behind the DaemonSet's, and an old revision taken for the newest restarts pods that have it already.
async fn find(context: &Context, target: &Target, current: &mut Option<Box<Current>>) -> Result<(), Error> {
    let path = apps::ControllerRevision::url_path(&(), Some(&target.namespace));
    let request = Request::new(path).list(&ListParams::default()).map_err(Error::Request)?;
    let revisions: Revisions = context.client.request(request).await.map_err(Error::Revisions)?;
    let owner = target.uid.to_string();
    let Some(newest) = controller_revision::newest(&revisions.items, &owner) else { return Ok(()) };
    let mine = revisions.items.iter().filter(|revision| revision.daemon_set() == Some(&owner));
    let hashes = mine.filter_map(|revision| Some((revision.metadata.name.as_str(), revision.hash()?)));
    let known = Known { newest, hashes: hashes.collect() };
    if let Some(same) = current.as_mut().filter(|known| known.object.spec.revision.number == newest.revision) {
        same.generation = target.generation;
        same.doubtful_revision = false;
        same.known = known.names();
        same.known_at = Instant::now();
        return Ok(());
    }
    if let Some(begun) = begin(context, target, &known, current.as_deref()).await? {
        *current = Some(Box::new(begun));
    }
    Ok(())
}

async fn begin(
    context: &Context,
    target: &Target,
    known: &Known<'_>,
    before: Option<&Current>,
) -> Result<Option<Current>, Error> {
    let Some(hash) = known.newest.hash() else { return Ok(None) };
    let runs = context.rollouts.of(&target.uid);
    let number = known.newest.revision;
    let older: Vec<_> =
        runs.iter().filter(|run| run.spec.revision.number < number).map(|run| told(run, before)).collect();
    let object = match runs.iter().find(|run| run.spec.revision.number == number) {
        Some(object) => object.clone(),
        None => Arc::new(create(context, target, known, &older).await?),
    };
    let run = record(&object).unwrap_or_else(|| {
        let last = older.iter().max_by_key(|run| run.spec.revision.number);
        let recorded = if before.is_none() { last.and_then(record) } else { None };
        let run = Run::begin(before.map(|before| &before.run).or(recorded.as_ref()));
        match failed_before(&object, &older) {
            None => run,
            Some(evidence) => {
                let about = subject(&target.namespace, &target.name, target.uid);
                context.events.record(&about, Severity::Warning, reason::HALTED, Note::Said(evidence.clone()));
                run.returned(evidence, Timestamp::now())
            }
        }
    });
    let last_completed = rollback::last_completed(&older, &known.newest.metadata.name, &known.hashes);
    retire(context, &object, &older, target.history).await?;
    let losses_seen = context.fleet.lock().losses_after(u64::MAX).1;
    Ok(Some(Current {
        published: object.status.clone(),
        rules: Rules::of(&object),
        object,
        run,
        last_completed,
        rolled_back: None,
        generation: target.generation,
        revision: hash.into(),
        known: known.names(),
        known_at: Instant::now(),
        doubtful_revision: false,
        losses_seen,
        places: Places::default(),
        // What becomes of a delete under way concerns the pod, whichever run began it.
        doubts: before.map_or_else(Vec::new, |before| before.doubts.clone()),
        refused: None,
        publishing: false,
        looked_at: None,
        deletes: before.map_or_else(Letters::default, |before| before.deletes.clone()),
        written: Letters::default(),
        report: None,
    }))
}

/// Rule 6: halted is sticky across returns of the same revision. What was seen when this one halted, if it did; so whoever
/// undoes a rollback (GitOps) restarts nothing.
fn failed_before(object: &FleetRollout, older: &[FleetRollout]) -> Option<String> {
    let same = older.iter().filter(|run| run.spec.revision.name == object.spec.revision.name);
    let last = same.max_by_key(|run| run.spec.revision.number)?;
    let halt = last.status.as_ref()?.halt.as_ref()?;
    Some(format!("this revision failed in {}: {}", last.name_any(), halt.evidence))
}

/// The object of a run that begins now.
async fn create(
    context: &Context,
    target: &Target,
    known: &Known<'_>,
    older: &[FleetRollout],
) -> Result<FleetRollout, Error> {
    let revision = Revision { name: known.newest.metadata.name.clone(), number: known.newest.revision };
    let rollback_of = target.rolled_back.as_ref().and_then(|done| done.led_to(&revision)).cloned();
    let mut given = rules::give(context, target).await?;
    if let (Some(failed), None) = (&rollback_of, &given.strategy) {
        // Whoever took the strategy away does not keep a bad release from being taken back.
        let failed = older.iter().find(|run| run.spec.revision.number == failed.number);
        given.strategy = failed.and_then(|run| run.spec.strategy.clone());
    }
    // What never had another revision has nothing to start, and what goes back must not wait.
    let waits = given.strategy.as_ref().is_some_and(|strategy| strategy.start_paused);
    let is_paused = waits && rollback_of.is_none() && known.hashes.len() > 1;
    let spec = FleetRolloutSpec {
        target_ref: TargetRef {
            api_version: "apps/v1".to_owned(),
            kind: "DaemonSet".to_owned(),
            name: target.name.clone(),
            uid: target.uid.to_string(),
        },
        revision,
        strategy: given.strategy,
        strategy_name: given.name,
        rollback_of,
        desired_state: if is_paused { DesiredState::Paused } else { DesiredState::Running },
        promoted_through: None,
        resume_token: None,
    };
    let _permit = context.leadership.permit()?;
    let created = rollouts::create(&context.client, &target.namespace, spec).await.map_err(Error::Create)?;
    tracing::info!(run = created.metadata.name, "run begins");
    Ok(created)
}

/// The run's object once more, after somebody deleted it. Its memory is in this process.
pub(crate) async fn create_again(context: &Context, lost: &FleetRollout) -> Result<FleetRollout, Error> {
    let _permit = context.leadership.permit()?;
    let namespace = lost.metadata.namespace.as_deref().unwrap_or_default();
    rollouts::create(&context.client, namespace, lost.spec.clone()).await.map_err(Error::Create)
}

/// An older run as it is. The status of the last one is written behind, and its watch lags behind that.
fn told(run: &FleetRollout, before: Option<&Current>) -> FleetRollout {
    let mut run = run.clone();
    if let Some(before) = before.filter(|before| before.object.metadata.uid == run.metadata.uid) {
        let status = |report| rollouts::status(&before.object, report, &before.run, Timestamp::now());
        run.status = before.report.as_ref().map(status).or_else(|| before.published.clone());
    }
    run
}

/// Older runs are over, and beyond the history limit they go.
async fn retire(context: &Context, newest: &FleetRollout, older: &[FleetRollout], keep: usize) -> Result<(), Error> {
    for run in older {
        let known = context.rollouts.get(uid(run)).and_then(|known| Some(known.status.as_ref()?.phase));
        if matches!(known, Some(Phase::Completed | Phase::Superseded | Phase::RolledBack)) {
            continue;
        }
        let _permit = context.leadership.permit()?;
        let ended = match (&run.status, &newest.spec.rollback_of) {
            (Some(status), _) if status.phase == Phase::Completed => {
                rollouts::publish(&context.client, run, status).await
            }
            (_, Some(failed)) if failed.number == run.spec.revision.number => {
                rollouts::end(&context.client, run, End::RolledBack, Timestamp::now()).await
            }
            _ => rollouts::end(&context.client, run, End::Superseded, Timestamp::now()).await,
        };
        ended.map_err(Error::Retire)?;
    }
    let _permit = context.leadership.permit()?;
    rollouts::prune(&context.client, older, keep).await.map_err(Error::Retire)
}

fn record(object: &FleetRollout) -> Option<Run> {
    Some(Run::restore(object.status.as_ref()?.record.as_ref()?))
}

fn uid(object: &FleetRollout) -> Uid {
    controller_runtime::mirror::Mirrored::uid(object)
}
