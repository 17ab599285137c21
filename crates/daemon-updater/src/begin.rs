//! Second step: the run of the DaemonSet's newest revision. Found, continued, or begun.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::controller_revision::{self, ControllerRevision};
use api::fleet_rollout::{FleetRollout, Phase, Revision, TargetRef};
use controller_runtime::rollouts::{self, NewRun};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1 as apps;
use kube::Resource;
use kube::api::{ListParams, Request};
use planner::fleet::{Name, Uid};
use planner::rollout::Run;
use serde::Deserialize;

use crate::admit::Target;
use crate::context::{Context, Current, Places};
use crate::letters::Letters;
use crate::reconcile::Error;

/// How soon revisions are asked for again when a pod has one that is not known.
pub(crate) const ASK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Revisions {
    items: Vec<ControllerRevision>,
}

/// Makes `current`, the run that is remembered if any, the run of the newest revision. It stays `None` while the
/// DaemonSet controller has not made the first revision; its doing so is an event. An error leaves it as it is.
pub(crate) async fn current(
    context: &Context,
    target: &Target,
    current: &mut Option<Box<Current>>,
) -> Result<(), Error> {
    match current {
        Some(known) if known.generation == target.generation && !asks_again(known) => {
            if let Some(newer) = context.rollouts.get(uid(&known.object)) {
                known.object = newer;
            }
            Ok(())
        }
        // The template may have changed: the last run goes on to be watched, and starts nothing (`Target::observed`).
        _ if !target.observed => Ok(()),
        current => find(context, target, current).await,
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
    let request = Request::new(path).list(&ListParams::default()).map_err(Error::Ask)?;
    let revisions: Revisions = context.client.request(request).await.map_err(Error::Revisions)?;
    let owner = target.uid.to_string();
    let Some(newest) = controller_revision::newest(&revisions.items, &owner) else { return Ok(()) };
    let Some(hash) = newest.hash() else { return Ok(()) };
    let mine = revisions.items.iter().filter(|revision| revision.daemon_set() == Some(&owner));
    let known: Vec<Name> = mine.filter_map(ControllerRevision::hash).map(Name::from).collect();
    if let Some(same) = current.as_mut().filter(|known| known.object.spec.revision.number == newest.revision) {
        same.generation = target.generation;
        same.doubtful_revision = false;
        same.known = known;
        same.known_at = Instant::now();
        return Ok(());
    }
    *current = Some(begin(context, target, newest, hash, known, current.as_deref()).await?);
    Ok(())
}

async fn begin(
    context: &Context,
    target: &Target,
    newest: &ControllerRevision,
    hash: &str,
    known: Vec<Name>,
    before: Option<&Current>,
) -> Result<Box<Current>, Error> {
    let runs = context.rollouts.of(&target.uid);
    let number = newest.revision;
    let object = if let Some(object) = runs.iter().find(|run| run.spec.revision.number == number) {
        object.clone()
    } else {
        let _permit = context.leadership.permit()?;
        let new = NewRun {
            namespace: target.namespace.clone(),
            target: TargetRef {
                api_version: "apps/v1".to_owned(),
                kind: "DaemonSet".to_owned(),
                name: target.name.clone(),
                uid: target.uid.to_string(),
            },
            revision: Revision { name: newest.metadata.name.clone(), number },
            strategy: context.config.rollout.implied(target.budget),
        };
        let created = rollouts::create(&context.client, new).await.map_err(Error::Create)?;
        tracing::info!(run = created.metadata.name, "run begins");
        Arc::new(created)
    };
    let older: Vec<_> = runs.iter().filter(|run| run.spec.revision.number < number).cloned().collect();
    let run = record(&object).unwrap_or_else(|| {
        let last = older.iter().max_by_key(|run| run.spec.revision.number);
        let recorded = if before.is_none() { last.and_then(|run| record(run)) } else { None };
        Run::begin(before.map(|before| &before.run).or(recorded.as_ref()))
    });
    retire(context, &older, target.history).await?;
    let losses_seen = context.fleet.lock().losses_after(u64::MAX).1;
    Ok(Box::new(Current {
        published: object.status.clone(),
        object,
        run,
        generation: target.generation,
        revision: hash.into(),
        known,
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

/// The run's object once more, after somebody deleted it. Its memory is in this process.
pub(crate) async fn create_again(context: &Context, lost: &FleetRollout) -> Result<FleetRollout, Error> {
    let _permit = context.leadership.permit()?;
    let new = NewRun {
        namespace: lost.metadata.namespace.clone().unwrap_or_default(),
        target: lost.spec.target_ref.clone(),
        revision: lost.spec.revision.clone(),
        strategy: lost.spec.strategy.clone(),
    };
    rollouts::create(&context.client, new).await.map_err(Error::Create)
}

/// Older runs are over, and beyond the history limit they go.
async fn retire(context: &Context, older: &[Arc<FleetRollout>], keep: usize) -> Result<(), Error> {
    for run in older {
        let phase = run.status.as_ref().map(|status| status.phase);
        if !matches!(phase, Some(Phase::Completed | Phase::Superseded | Phase::RolledBack)) {
            let _permit = context.leadership.permit()?;
            rollouts::supersede(&context.client, run, Timestamp::now()).await.map_err(Error::Retire)?;
        }
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
