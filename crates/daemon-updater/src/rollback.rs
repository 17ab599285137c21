//! Rule 12: the target of a failed run goes back to the last revision that completed, as `kubectl rollout undo` does it.
//!
//! One write does it: a patch of the DaemonSet with the old template and, in an annotation, from which run it leads where. It
//! is fenced by the version of the very object whose generation was decided on. All else follows from objects, so a crash
//! between any two writes changes nothing: the annotation makes the run of the old revision a rollback (`begin`), and that run
//! makes the failed one RolledBack.

use std::fmt;

use api::daemon_set::DaemonSet;
use api::fleet_rollout::Revision;
use api::names::{self, reason};
use controller_runtime::events::{Note, Severity};
use k8s_openapi::api::apps::v1 as apps;
use kube::api::{Api, Patch, PatchParams, Request};
use kube::{Resource, ResourceExt};
use planner::fleet::{Name, Uid};
use serde_json::{Value, json};

use crate::admit::Target;
use crate::context::{Context, Current};
use crate::reconcile;

/// Why a template was not brought back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("reading the DaemonSet")]
    Read(#[source] kube::Error),
    #[error("reading ControllerRevision {name:?}")]
    Revision { name: String, source: kube::Error },
    #[error("changing the DaemonSet's template back to ControllerRevision {name:?}")]
    Patch { name: String, source: kube::Error },
}

/// A revision that completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Completed {
    /// `controller-revision-hash` of its pods.
    pub(crate) hash: Name,
    /// Its ControllerRevision.
    pub(crate) name: String,
}

/// A rollback that was done: the annotation `drover.dev/rolled-back`, `<failed revision>/<its number>/<revision gone back to>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RolledBack {
    failed: Revision,
    to: String,
}

impl RolledBack {
    /// Reads the annotation; what nobody of us has written is none.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split('/');
        let (name, number, to) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let failed = Revision { name: name.to_owned(), number };
        (parts.next().is_none() && !name.is_empty()).then(|| Self { failed, to: to.to_owned() })
    }

    /// From which revision the run of this one returns, if it is what the rollback led to. The DaemonSet controller gives the
    /// old revision the next number, so a later return to it is another matter.
    pub(crate) fn led_to(&self, revision: &Revision) -> Option<&Revision> {
        (self.to == revision.name && self.failed.number + 1 == revision.number).then_some(&self.failed)
    }
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed: Revision { name, number }, to } = self;
        write!(f, "{name}/{number}/{to}")
    }
}

/// Where a run would go back to: the revision that completed last, if it is still among those that are `known` (name and hash).
pub(crate) fn completed(last: Option<&str>, known: &[(&str, &str)]) -> Option<Completed> {
    let (name, hash) = known.iter().find(|(name, _)| Some(*name) == last)?;
    Some(Completed { hash: (*hash).into(), name: (*name).to_owned() })
}

/// Brings the template back to this revision, once, after the run's status has told why.
pub(crate) async fn carry_out(
    context: &Context,
    target: &Target,
    current: &mut Current,
    to: Option<Name>,
) -> Result<(), reconcile::Error> {
    let Some(to) = to else { return Ok(()) };
    let Some(to) = current.last_completed.clone().filter(|completed| completed.hash == to) else { return Ok(()) };
    // Once done, the DaemonSet's next generation is on its way here.
    if !current.rollout.is_halt_told() || current.rolled_back == Some(target.generation) {
        return Ok(());
    }
    match undo(context, target, current, &to).await {
        Ok(Undone::Done) => {
            current.rolled_back = Some(target.generation);
            let run = current.rollout.object.name_any();
            tracing::warn!(run, revision = to.name, "the run failed: its target's template was brought back");
            let sentence = format!(
                "the template was changed back to ControllerRevision {}, as kubectl rollout undo does, because {run} failed; \
                 who applies this DaemonSet from elsewhere (GitOps) may undo it: change it back there too",
                to.name
            );
            tell(context, target, reason::ROLLED_BACK, sentence);
        }
        // Whatever moved it shows soon.
        Ok(Undone::Moved) => {}
        Ok(Undone::Gone) => {
            current.last_completed = None;
            context.queue.add(target.uid);
        }
        Err(reconcile::Error::RollBack(error)) => {
            if let Error::Patch { source: kube::Error::Api(answer), .. } = &error
                && !answer.is_conflict()
            {
                let why = format!("the template could not be changed back: {}", answer.message);
                tell(context, target, reason::ROLLING_BACK, why);
            }
            return Err(error.into());
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What became of an attempt.
enum Undone {
    Done,
    /// The DaemonSet is no longer what was decided on.
    Moved,
    /// The revision is there no more.
    Gone,
}

async fn undo(
    context: &Context,
    target: &Target,
    current: &Current,
    to: &Completed,
) -> Result<Undone, reconcile::Error> {
    let path = apps::DaemonSet::url_path(&(), Some(&target.namespace));
    let request = Request::new(path).get(&target.name, &kube::api::GetParams::default());
    let request = request.map_err(|error| Error::Read(kube::Error::BuildRequest(error)))?;
    let now: DaemonSet = match context.client.request(request).await {
        Ok(found) => found,
        Err(kube::Error::Api(answer)) if answer.is_not_found() => return Ok(Undone::Moved),
        Err(error) => return Err(Error::Read(error).into()),
    };
    let is_same = now.metadata.uid.parse() == Ok(target.uid) && now.metadata.generation == target.generation;
    if !is_same || now.is_terminating() {
        return Ok(Undone::Moved);
    }
    let Some(mut patch) = template(context, target, &to.name).await? else { return Ok(Undone::Gone) };
    let done = RolledBack { failed: current.rollout.object.spec.revision.clone(), to: to.name.clone() };
    patch["metadata"] = json!({
        "uid": now.metadata.uid,
        "resourceVersion": now.metadata.resource_version,
        "annotations": { (names::ROLLED_BACK): done.to_string() },
    });
    let params = PatchParams { field_manager: Some(names::DAEMON_UPDATER.to_owned()), ..PatchParams::default() };
    let api: Api<apps::DaemonSet> = Api::namespaced(context.client.clone(), &target.namespace);
    let _permit = context.leadership.permit()?;
    match api.patch_metadata(&target.name, &params, &Patch::Strategic(&patch)).await {
        Ok(_) => Ok(Undone::Done),
        Err(source) => Err(Error::Patch { name: to.name.clone(), source }.into()),
    }
}

/// The patch that a ControllerRevision of this DaemonSet holds: its template, whole.
async fn template(context: &Context, target: &Target, name: &str) -> Result<Option<Value>, Error> {
    let api: Api<apps::ControllerRevision> = Api::namespaced(context.client.clone(), &target.namespace);
    let found = api.get_opt(name).await.map_err(|source| Error::Revision { name: name.to_owned(), source })?;
    let is_mine = |revision: &apps::ControllerRevision| {
        let mut owners = revision.owner_references().iter();
        owners.any(|owner| owner.controller == Some(true) && owner.uid.parse::<Uid>() == Ok(target.uid))
    };
    let data = found.filter(is_mine).and_then(|revision| revision.data).map(|data| data.0);
    Ok(data.filter(|data| data.pointer("/spec/template").is_some()))
}

fn tell(context: &Context, target: &Target, reason: &'static str, sentence: String) {
    let about = context.desk.subject(&target.namespace, &target.name, target.uid);
    context.events.record(&about, Severity::Warning, reason, Note::Said(sentence));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_is_told_by_the_revision_right_after_the_failed_one() {
        let done = RolledBack::parse("agent-b/2/agent-a").unwrap();
        assert_eq!(done.to_string(), "agent-b/2/agent-a");
        let revision = |name: &str, number| Revision { name: name.to_owned(), number };
        assert_eq!(done.led_to(&revision("agent-a", 3)), Some(&revision("agent-b", 2)));
        // A template that came in between, and a return by hand much later.
        assert_eq!(done.led_to(&revision("agent-c", 3)), None);
        assert_eq!(done.led_to(&revision("agent-a", 5)), None);
        for odd in ["", "agent-b", "agent-b/two/agent-a", "agent-b/2", "agent-b/2/agent-a/more", "/2/agent-a"] {
            assert_eq!(RolledBack::parse(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn it_leads_to_the_last_completed_revision_if_that_is_still_there() {
        let known = [("agent-a", "a"), ("agent-b", "b")];
        let hash = |last| completed(last, &known).map(|found| found.hash.to_string());
        assert_eq!(hash(Some("agent-b")).as_deref(), Some("b"));
        assert_eq!((hash(Some("agent-c")), hash(None)), (None, None));
    }
}
