//! One write of a workload.

use api::names::app_set::WorkloadKind;
use controller_runtime::client::Place;
use controller_runtime::lease::NotLeading;
use controller_runtime::mirror::Mirror;
use kube::api::{GetParams, Request};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::collection;
use crate::adopt;
use crate::context::Context;
use crate::drift::Difference;
use crate::mirrors::Workload;
use crate::plan::{Action, Body, Step};

/// What became of it.
pub(super) enum Fate {
    /// It says what was to be said, but for these fields.
    Written { left: Vec<Difference> },
    /// It is gone, or is about to be.
    Deleted,
    /// It is another object by now, or another version of it.
    Moved,
    /// It was not sent: it took too long until it could be, or something else is asked for now.
    NotBegun,
    /// Another replica leads.
    NotLeading,
    /// It was refused.
    Failed(String),
    /// Nobody knows.
    Unanswered(String),
}

/// Writes.
pub(super) async fn write(context: &Context, namespace: &str, step: &Step) -> Fate {
    let done = match &step.action {
        Action::Create { body } => apply(context, namespace, body, None).await,
        Action::Apply { body, uid, convert: false, .. } => apply(context, namespace, body, Some(uid)).await,
        Action::Apply { body, uid, convert: true, .. } => match convert(context, namespace, body, uid).await {
            Ok(true) => apply(context, namespace, body, Some(uid)).await,
            Ok(false) => Ok(Fate::Moved),
            Err(unwritten) => Err(unwritten),
        },
        Action::Delete { kind, name, uid } => delete(context, namespace, *kind, name, uid).await,
    };
    let fenced = !matches!(step.action, Action::Create { .. });
    done.unwrap_or_else(|unwritten| match unwritten {
        Unwritten::NotLeading(_) => Fate::NotLeading,
        Unwritten::Failed(kube::Error::Api(status)) if fenced && status.is_conflict() => Fate::Moved,
        Unwritten::Failed(kube::Error::Api(status)) if status.code < 500 => Fate::Failed(status.message.clone()),
        Unwritten::Failed(kube::Error::Api(status)) => Fate::Unanswered(status.message.clone()),
        Unwritten::Failed(error) => Fate::Unanswered(error.to_string()),
    })
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwritten {
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    #[error(transparent)]
    Failed(#[from] kube::Error),
}

/// Applies an object: by force to that of this UID, or not by force to none yet.
async fn apply(context: &Context, namespace: &str, body: &Body, uid: Option<&String>) -> Result<Fate, Unwritten> {
    match body.kind() {
        WorkloadKind::StatefulSet => apply_to(context, &context.mirrors.stateful_sets, namespace, body, uid).await,
        WorkloadKind::Deployment => apply_to(context, &context.mirrors.deployments, namespace, body, uid).await,
    }
}

async fn apply_to<const STATEFUL: bool>(
    context: &Context,
    mirror: &Mirror<Workload<STATEFUL>>,
    namespace: &str,
    body: &Body,
    uid: Option<&String>,
) -> Result<Fate, Unwritten> {
    let (collection, mut object) = (collection(body.kind(), namespace), body.value());
    let place = Place { collection: &collection, name: body.name() };
    let permit = context.leadership.permit()?;
    let written: Workload<STATEFUL> = match uid {
        Some(uid) => {
            object["metadata"]["uid"] = uid.as_str().into();
            context.writer.apply(&permit, place, &object).await?
        }
        None => context.writer.claim(&permit, place, &object).await?,
    };
    let left = written.child.differences(&object);
    mirror.note(written);
    Ok(Fate::Written { left })
}

/// Changes who owns the fields of the object of this UID, as it is stored; false if it is not there any more.
async fn convert(context: &Context, namespace: &str, body: &Body, uid: &str) -> Result<bool, Unwritten> {
    let collection = collection(body.kind(), namespace);
    let place = Place { collection: &collection, name: body.name() };
    let request = Request::new(place.collection).get(place.name, &GetParams::default());
    let found = context.client.request::<Value>(request.map_err(kube::Error::BuildRequest)?).await;
    let object = match found {
        Ok(object) if object["metadata"]["uid"] == uid => object,
        Ok(_) => return Ok(false),
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if let Some(patch) = adopt::conversion(&object, &body.value()) {
        let permit = context.leadership.permit()?;
        let IgnoredAny = context.writer.merge(&permit, place, &patch).await?;
    }
    Ok(true)
}

async fn delete(
    context: &Context,
    namespace: &str,
    kind: WorkloadKind,
    name: &str,
    uid: &str,
) -> Result<Fate, Unwritten> {
    let permit = context.leadership.permit()?;
    let collection = collection(kind, namespace);
    context.writer.delete_in_background(&permit, Place { collection: &collection, name }, uid).await?;
    let uid = uid.parse().unwrap_or_default();
    match kind {
        WorkloadKind::Deployment => context.mirrors.deployments.note_deleted(uid),
        WorkloadKind::StatefulSet => context.mirrors.stateful_sets.note_deleted(uid),
    }
    Ok(Fate::Deleted)
}
