//! `drover rollback`.

use api::fleet_rollout::FleetRollout;
use clap::Args;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

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
waves as any other. A GitOps tool that owns the DaemonSet may undo it: change its source too.

Examples:
  drover rollback agent                   to the last revision that completed
  drover rollback agent --to-revision 3   as `drover history agent` numbers them")]
pub struct Options {
    /// A DaemonSet.
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
    #[error("{0} is not rolled back by this command yet\n→ change its template back: kubectl edit {0}")]
    Kind(String),
    #[error(
        "no revision of {target} before {now} has completed: there is none that is known to be good\n→ name one with --to-revision: {known}"
    )]
    NoneCompleted { target: String, now: i64, known: String },
    #[error("{target} has no revision {number}: there are {known}")]
    Unknown { target: String, number: i64, known: String },
    #[error("{0} has revision {1} already")]
    Already(String, i64),
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let cluster = options.reach.cluster().await?;
    if options.target.kind == Some(Kind::YurtAppSet) {
        return Err(NoWayBack::Kind(options.target.to_string()).into());
    }
    let runs = history(&cluster, &options.target).await?;
    let Some(present) = runs.last() else { return Ok(()) };
    let of = present.spec.target_ref.clone();
    if of.kind != "DaemonSet" {
        return Err(NoWayBack::Kind(format!("{}/{}", of.kind.to_ascii_lowercase(), of.name)).into());
    }
    let revisions = revisions(&cluster, &of.uid).await?;
    let to = choose(&revisions, &runs, &of.name, options.to_revision)?;
    // A ControllerRevision holds a strategic merge patch that replaces the template.
    let mut patch = to.data.as_ref().map_or_else(|| json!({}), |data| data.0.clone());
    patch["metadata"] = json!({ "uid": of.uid });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let daemon_sets: Api<DaemonSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let patched = daemon_sets.patch(&of.name, &params, &Patch::Strategic(&patch)).await;
    patched.map_err(|error| Call::of("patch", "apps", "daemonsets", Some(&cluster.namespace)).failed(error))?;
    say(format_args!("{} goes back to the template of revision {} ({})", of.name, to.revision, to.name_any()));
    let halted = runs.iter().any(|run| run.spec.revision.name == to.name_any() && halts(run));
    if halted {
        say(format_args!(
            "! a run of this revision halted: it is halted from the start, until drover resume --after-halt"
        ));
    }
    say(format_args!("→ drover status {} -n {} -w follows it", of.name, cluster.namespace));
    Ok(())
}

fn halts(run: &FleetRollout) -> bool {
    run.status.as_ref().is_some_and(|status| status.halt.is_some())
}

/// The revisions of a DaemonSet, oldest first.
async fn revisions(cluster: &Cluster, daemon_set: &str) -> Result<Vec<ControllerRevision>, CallError> {
    let api: Api<ControllerRevision> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let listed = api.list(&ListParams::default()).await;
    let call = Call::of("list", "apps", "controllerrevisions", Some(&cluster.namespace));
    let mut revisions = listed.map_err(|error| call.failed(error))?.items;
    revisions.retain(|revision| revision.owner_references().iter().any(|owner| owner.uid == daemon_set));
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
        if older.is_empty() { "no older ones".to_owned() } else { older.join(", ") }
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
        assert_eq!(name(Some(9)).unwrap_err(), "agent has no revision 9: there are 3, 2");
        let none = choose(&revisions, &[run(4, "c", "Halted")], "agent", None).unwrap_err().to_string();
        assert!(none.contains("--to-revision: 3, 2"), "{none}");
    }
}
