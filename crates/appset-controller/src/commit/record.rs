//! Records the revision of a spec, and deletes those that are not kept.

use controller_runtime::client::Place;
use controller_runtime::lease::NotLeading;
use k8s_openapi::api::apps::v1 as apps;
use kube::Resource;
use kube::api::Request;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::mirrors::SeenRevision;
use crate::observe::Snapshot;
use crate::render::Owner;
use crate::revisions::{self, Clash, Current, Record, Revision};

/// Why a revision is not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unrecorded {
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    #[error("making the ControllerRevision")]
    Make(#[source] kube::Error),
    #[error("reading the ControllerRevision that has its name")]
    Read(#[source] kube::Error),
    #[error("adopting the ControllerRevision")]
    Adopt(#[source] kube::Error),
    #[error("raising the number of the ControllerRevision")]
    Raise(#[source] kube::Error),
    #[error("its name was taken again and again")]
    Clashes,
}

/// Makes the current revision the newest. Whether it is: if not, there was one that nobody had seen, which is in the history now, and
/// it has to be planned again.
pub(crate) async fn record(context: &Context, snapshot: &mut Snapshot, current: &Current) -> Result<bool, Unrecorded> {
    let owner = Owner::of(&snapshot.set);
    match &current.record {
        Record::Kept => Ok(true),
        Record::Raise { uid, to } => {
            let patch = json!({"metadata": {"uid": uid}, "revision": to});
            let raised = merge(context, &owner, &current.name, &patch).await?.map_err(Unrecorded::Raise)?;
            snapshot.know(raised);
            Ok(true)
        }
        Record::Make { .. } => make(context, snapshot, &owner, current).await,
    }
}

async fn make(
    context: &Context,
    snapshot: &mut Snapshot,
    owner: &Owner,
    current: &Current,
) -> Result<bool, Unrecorded> {
    let workload = &snapshot.set.spec.workload.0;
    let Some(body) = revisions::body(owner, &labels(snapshot), workload, current) else { return Ok(true) };
    let permit = context.leadership.permit()?;
    let made = context.writer.create::<SeenRevision>(&permit, &path(owner), &body).await;
    drop(permit);
    match made {
        Ok(made) => {
            context.mirrors.revisions.note(made.clone());
            snapshot.know(made.revision);
            Ok(true)
        }
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let there = settle(context, owner, workload, &body, &current.name).await?;
            snapshot.know(there);
            Ok(false)
        }
        Err(error) => Err(Unrecorded::Make(error)),
    }
}

/// Looks at who has the name, and adopts the revision if it is nobody's and the same.
async fn settle(
    context: &Context,
    owner: &Owner,
    workload: &Value,
    body: &Value,
    name: &str,
) -> Result<Revision, Unrecorded> {
    let request = Request::new(path(owner)).get(name, &kube::api::GetParams::default());
    let request = request.map_err(kube::Error::BuildRequest).map_err(Unrecorded::Read)?;
    let object: Value = context.client.request(request).await.map_err(Unrecorded::Read)?;
    let there = Revision::read(&object);
    match revisions::clash(owner, workload, &there) {
        Clash::Ours | Clash::Other => Ok(there),
        Clash::Nobodys => {
            let fence = |field: &str| object["metadata"][field].clone();
            let patch = json!({"metadata": {
                "uid": fence("uid"),
                "resourceVersion": fence("resourceVersion"),
                "labels": body["metadata"]["labels"],
                "ownerReferences": body["metadata"]["ownerReferences"],
            }});
            merge(context, owner, name, &patch).await?.map_err(Unrecorded::Adopt)
        }
    }
}

async fn merge(
    context: &Context,
    owner: &Owner,
    name: &str,
    patch: &Value,
) -> Result<Result<Revision, kube::Error>, NotLeading> {
    let permit = context.leadership.permit()?;
    let collection = path(owner);
    let changed = context.writer.merge::<SeenRevision>(&permit, Place { collection: &collection, name }, patch).await;
    Ok(changed.map(|changed| {
        context.mirrors.revisions.note(changed.clone());
        changed.revision
    }))
}

/// Deletes revisions that are not kept. One that cannot be deleted is one too many, and nothing worse.
pub(crate) async fn retire(context: &Context, snapshot: &Snapshot, retired: &[String]) {
    let owner = Owner::of(&snapshot.set);
    let collection = path(&owner);
    for revision in snapshot.history.iter().filter(|revision| retired.contains(&revision.uid)) {
        let Ok(permit) = context.leadership.permit() else { return };
        let place = Place { collection: &collection, name: &revision.name };
        match context.writer.delete(&permit, place, &revision.uid).await {
            Ok(()) => context.mirrors.revisions.note_deleted(revision.uid.parse().unwrap_or_default()),
            Err(error) => tracing::warn!(revision = revision.name, %error, "an old revision is not deleted"),
        }
    }
}

fn path(owner: &Owner) -> String {
    apps::ControllerRevision::url_path(&(), Some(&owner.namespace))
}

/// The labels of the YurtAppSet, which its revisions bear too.
fn labels(snapshot: &Snapshot) -> Map<String, Value> {
    let labels = snapshot.set.metadata.labels.iter().flatten();
    labels.map(|(key, value)| (key.clone(), value.as_str().into())).collect()
}
