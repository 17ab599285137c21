//! Second step: the run of the DaemonSet's newest revision. Found, continued, or begun.

use std::time::{Duration, Instant};

use api::controller_revision::{self, ControllerRevision};
use api::fleet_rollout::Revision;
use controller_runtime::rollouts::{Beginning, Letters};
use k8s_openapi::api::apps::v1 as apps;
use kube::Resource;
use kube::api::{ListParams, Request};
use planner::fleet::Name;
use serde::Deserialize;

use crate::admit::Target;
use crate::context::{Context, Current, Places};
use crate::reconcile::Error;
use crate::rollback;

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
            context.desk.refresh(&mut known.rollout);
        }
        // A write of the last run's status is under way, and would undo that the run is over. Its end wakes the next look.
        Some(known) if known.rollout.is_publishing() && known.generation != target.generation => {}
        // The template may have changed: the last run goes on to be watched, and starts nothing (`Target::observed`).
        _ if !target.observed => {}
        _ => find(context, target, current).await?,
    }
    match current {
        Some(current) => Ok(context.desk.complete(target.of_runs(), &mut current.rollout).await?),
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
    let is_of_newest = |known: &Current| {
        let Revision { name, number } = &known.rollout.object.spec.revision;
        (name, *number) == (&newest.metadata.name, newest.revision)
    };
    if let Some(same) = current.as_mut().filter(|known| is_of_newest(known)) {
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
    let revision = Revision { name: known.newest.metadata.name.clone(), number: known.newest.revision };
    let beginning = Beginning {
        rollback_of: target.rolled_back.as_ref().and_then(|done| done.led_to(&revision)).cloned(),
        revision,
        first: known.hashes.len() == 1,
        implied: context.config.rollout.implied(target.budget),
    };
    let rollout = context.desk.begin(target.of_runs(), beginning, before.map(|before| &before.rollout)).await?;
    let losses_seen = context.fleet.lock().losses_after(u64::MAX).1;
    Ok(Some(Current {
        last_completed: rollback::completed(rollout.last_completed.as_deref(), &known.hashes),
        rollout,
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
        deletes: before.map_or_else(Letters::default, |before| before.deletes.clone()),
    }))
}
