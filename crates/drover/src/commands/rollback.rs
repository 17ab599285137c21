//! `drover rollback`.

use api::fleet_rollout::{FleetRollout, TargetRef};
use api::yurt_app_set::YurtAppSet;
use clap::Args;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::Failure;
use super::output::say;
use crate::call::{Call, CallError};
use crate::reach::{Cluster, Reach};
use crate::snapshot::last_completed;
use crate::steer::MANAGER;
use crate::target::{Kind, Target, history};

/// What goes back, and where to.
#[derive(Args, Debug)]
#[command(after_help = "\
The template of the DaemonSet is patched back, as `kubectl rollout undo` does; that is a new run, with the same budgets and \
waves as any other. Of a YurtAppSet spec.workload is put back, whole; pools that are pinned keep what they are pinned to. A \
GitOps tool that owns the object may undo it: change its source too.

Examples:
  drover rollback agent                   to the last revision that completed
  drover rollback agent --to-revision 3   as `drover history agent` numbers them
  drover rollback yas/app                 of a YurtAppSet")]
pub struct Options {
    /// A DaemonSet or a YurtAppSet (yas/NAME).
    target: Target,
    /// The number of the revision; without it the last one that completed.
    #[arg(long, value_name = "N")]
    to_revision: Option<i64>,
    #[command(flatten)]
    reach: Reach,
}

/// Why there is nothing to go back to.
#[derive(Debug, thiserror::Error)]
enum NoWayBack {
    #[error("{0} is not rolled back by this command\n→ change it back: kubectl edit {0}")]
    Kind(String),
    #[error(
        "no revision of {target} before {now} has completed: there is none that is known to be good\n→ name one with --to-revision: {known}"
    )]
    NoneCompleted { target: String, now: i64, known: String },
    #[error("{target} has no revision {number}\n→ its older revisions: {known}")]
    Unknown { target: String, number: i64, known: String },
    #[error("{0} has revision {1} already")]
    Already(String, i64),
    #[error("ControllerRevision {0} holds nothing that could be gone back to")]
    Empty(String),
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let cluster = options.reach.cluster().await?;
    let runs = history(&cluster, &options.target).await?;
    let Some(present) = runs.last() else { return Ok(()) };
    let of = present.spec.target_ref.clone();
    let kind = [Kind::DaemonSet, Kind::YurtAppSet].into_iter().find(|kind| of.kind == kind.as_str());
    let kind = kind.ok_or_else(|| NoWayBack::Kind(format!("{}/{}", of.kind.to_ascii_lowercase(), of.name)))?;
    let revisions = revisions(&cluster, &of.uid).await?;
    let to = choose(&revisions, &runs, &of.name, options.to_revision)?;
    let (what, shown) = if kind == Kind::YurtAppSet {
        workload(&cluster, &of, to).await?;
        ("workload", format!("yas/{}", of.name))
    } else {
        template(&cluster, &of, to).await?;
        ("template", of.name.clone())
    };
    say(format_args!("{} goes back to the {what} of revision {} ({})", of.name, to.revision, to.name_any()));
    let halted = runs.iter().any(|run| run.spec.revision.name == to.name_any() && halts(run));
    if halted {
        say(format_args!(
            "! a run of this revision halted: it is halted from the start, until drover resume --after-halt"
        ));
    }
    say(format_args!("→ drover status {shown} -n {} -w follows it", cluster.namespace));
    Ok(())
}

/// Patches a DaemonSet's template back. Its ControllerRevision holds a strategic merge patch that replaces the template.
async fn template(cluster: &Cluster, of: &TargetRef, to: &ControllerRevision) -> Result<(), Failure> {
    let mut patch = to.data.as_ref().map_or_else(|| json!({}), |data| data.0.clone());
    patch["metadata"] = json!({ "uid": of.uid });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let daemon_sets: Api<DaemonSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let patched = daemon_sets.patch(&of.name, &params, &Patch::Strategic(&patch)).await;
    patched.map_err(|error| Call::of("patch", "apps", "daemonsets", Some(&cluster.namespace)).failed(error))?;
    Ok(())
}

/// Puts a YurtAppSet's workload back, whole: what was not there then is gone. Only in the very object whose run was looked at, and
/// as it is now.
async fn workload(cluster: &Cluster, of: &TargetRef, to: &ControllerRevision) -> Result<(), Failure> {
    let mut workload = to.data.as_ref().map_or(Value::Null, |data| data.0["spec"]["workload"].clone());
    let Some(fields) = workload.as_object_mut() else { return Err(NoWayBack::Empty(to.name_any()).into()) };
    fields.remove("$patch");
    let sets: Api<YurtAppSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let call = |verb| Call::of(verb, "apps.openyurt.io", "yurtappsets", Some(&cluster.namespace));
    let now = sets.get(&of.name).await.map_err(|error| call("get").failed(error))?;
    let patch = json!({
        "metadata": {"uid": of.uid, "resourceVersion": now.metadata.resource_version},
        "spec": {"workload": replacing(&now.spec.workload.0, &workload)},
    });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let patched = sets.patch_metadata(&of.name, &params, &Patch::Merge(&patch)).await;
    patched.map_err(|error| call("patch").failed(error))?;
    Ok(())
}

/// A JSON merge patch that makes `to` of `from`.
pub(super) fn replacing(from: &Value, to: &Value) -> Value {
    let (Some(before), Some(after)) = (from.as_object(), to.as_object()) else { return to.clone() };
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let kept = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    let kept =
        kept.map(|(key, value)| (key.clone(), before.get(key).map_or(value.clone(), |old| replacing(old, value))));
    gone.chain(kept).collect()
}

fn halts(run: &FleetRollout) -> bool {
    run.status.as_ref().is_some_and(|status| status.halt.is_some())
}

/// The revisions of a target, oldest first.
async fn revisions(cluster: &Cluster, target: &str) -> Result<Vec<ControllerRevision>, CallError> {
    let api: Api<ControllerRevision> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let listed = api.list(&ListParams::default()).await;
    let call = Call::of("list", "apps", "controllerrevisions", Some(&cluster.namespace));
    let mut revisions = listed.map_err(|error| call.failed(error))?.items;
    revisions.retain(|revision| revision.owner_references().iter().any(|owner| owner.uid == target));
    revisions.sort_by_key(|revision| revision.revision);
    Ok(revisions)
}

fn choose<'a>(
    revisions: &'a [ControllerRevision],
    runs: &[FleetRollout],
    target: &str,
    number: Option<i64>,
) -> Result<&'a ControllerRevision, NoWayBack> {
    let newest = revisions.last().map_or(0, |newest| newest.revision);
    let known = || {
        let older: Vec<_> = revisions.iter().rev().skip(1).map(|revision| revision.revision.to_string()).collect();
        if older.is_empty() { "there are none".to_owned() } else { older.join(", ") }
    };
    let named = |name: &str| revisions.iter().find(|revision| revision.name_any() == name);
    let found = match number {
        None => last_completed(runs, newest)
            .and_then(|run| named(&run.spec.revision.name))
            .filter(|found| found.revision != newest)
            .ok_or_else(|| NoWayBack::NoneCompleted { target: target.to_owned(), now: newest, known: known() })?,
        // A revision that was gone back to has a new number: the run that first had it has the old one.
        Some(number) => {
            let run = || runs.iter().find(|run| run.spec.revision.number == number);
            let found = revisions.iter().find(|revision| revision.revision == number);
            found
                .or_else(|| run().and_then(|run| named(&run.spec.revision.name)))
                .ok_or_else(|| NoWayBack::Unknown { target: target.to_owned(), number, known: known() })?
        }
    };
    if found.revision == newest {
        return Err(NoWayBack::Already(target.to_owned(), newest));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: i64, hash: &str) -> ControllerRevision {
        let value = json!({"metadata": {"name": format!("agent-{hash}")}, "revision": number});
        serde_json::from_value(value).unwrap()
    }

    fn run(number: i64, hash: &str, phase: &str) -> FleetRollout {
        serde_json::from_value(json!({
            "apiVersion": "drover.dev/v1alpha1", "kind": "FleetRollout", "metadata": {"name": format!("agent-r{number}")},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "u"},
                "revision": {"name": format!("agent-{hash}"), "number": number},
            },
            "status": {"phase": phase},
        }))
        .unwrap()
    }

    #[test]
    fn a_workload_that_goes_back_loses_what_was_not_there_then() {
        let now =
            json!({"template": {"spec": {"replicas": 2, "paused": true}, "labels": {"a": "b"}}, "tweaks": [1, 2]});
        let then = json!({"template": {"spec": {"replicas": 3}, "labels": {"a": "b"}}, "tweaks": [1]});
        let patch = replacing(&now, &then);
        assert_eq!(patch, json!({"template": {"spec": {"replicas": 3, "paused": null}}, "tweaks": [1]}));
        assert_eq!(replacing(&then, &then), json!({}));
    }

    #[test]
    fn the_way_back_leads_to_what_completed() {
        // A → B → A, and now C: revision a has number 3 by now.
        let revisions = [revision(2, "b"), revision(3, "a"), revision(4, "c")];
        let runs = [run(1, "a", "Superseded"), run(2, "b", "Completed"), run(3, "a", "Halted"), run(4, "c", "Halted")];
        let name = |number| {
            choose(&revisions, &runs, "agent", number).map(kube::ResourceExt::name_any).map_err(|e| e.to_string())
        };
        assert_eq!(name(None), Ok("agent-b".to_owned()));
        assert_eq!(name(Some(1)), Ok("agent-a".to_owned()), "the run that first had it");
        assert_eq!(name(Some(3)), Ok("agent-a".to_owned()));
        assert_eq!(name(Some(4)).unwrap_err(), "agent has revision 4 already");
        assert_eq!(name(Some(9)).unwrap_err(), "agent has no revision 9\n→ its older revisions: 3, 2");
        let none = choose(&revisions, &[run(4, "c", "Halted")], "agent", None).unwrap_err().to_string();
        assert!(none.contains("--to-revision: 3, 2"), "{none}");
    }
}
