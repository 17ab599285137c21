//! Whether the API server would take the workloads: dry runs under the user's own name, one for each set of tweaks, as the service
//! makes them under its own.

use std::collections::BTreeMap;

use api::names::app_set::{FIELD_MANAGER, WorkloadKind};
use appset_controller::plan::Trial;
use appset_controller::trials::verdict;
use futures::{StreamExt as _, stream};
use k8s_openapi::api::apps::v1 as apps;
use kube::Resource as _;
use kube::api::{Patch, PatchParams, Request};
use serde::de::IgnoredAny;

use crate::call::Call;
use crate::reach::Cluster;

/// So many are under way at once.
const AT_ONCE: usize = 8;

/// What the API server said.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// About so many sets of tweaks it said something.
    pub(super) answered: usize,
    /// Why it would not take the workload, by pool.
    pub(super) refused: BTreeMap<String, String>,
    /// Why it was not asked about others, or did not say.
    pub(super) unanswered: Option<String>,
}

/// Asks.
pub(super) async fn run(cluster: &Cluster, namespace: &str, trials: &BTreeMap<Vec<usize>, Trial>) -> Tried {
    let asked = stream::iter(trials.values()).map(async |trial| (trial, ask(cluster, namespace, trial).await));
    let answers: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
    let mut tried = Tried { answered: trials.len(), ..Tried::default() };
    for (trial, answer) in answers {
        match answer {
            Ok(()) => {}
            Err(No::Refused(why)) => {
                tried.refused.extend(trial.pools.iter().map(|pool| (pool.clone(), why.clone())));
            }
            Err(No::Unsaid(why)) => {
                tried.answered -= 1;
                tried.unanswered.get_or_insert(why);
            }
        }
    }
    tried
}

enum No {
    Refused(String),
    Unsaid(String),
}

async fn ask(cluster: &Cluster, namespace: &str, trial: &Trial) -> Result<(), No> {
    let (path, resource) = match trial.body.kind() {
        WorkloadKind::Deployment => (apps::Deployment::url_path(&(), Some(namespace)), "deployments"),
        WorkloadKind::StatefulSet => (apps::StatefulSet::url_path(&(), Some(namespace)), "statefulsets"),
    };
    let params = PatchParams::apply(FIELD_MANAGER).force().dry_run();
    let request = Request::new(path).patch(trial.body.name(), &params, &Patch::Apply(trial.body.value()));
    let answer = match request {
        Ok(request) => cluster.client.request::<IgnoredAny>(request).await,
        Err(error) => Err(kube::Error::BuildRequest(error)),
    };
    let Err(error) = answer else { return Ok(()) };
    match verdict(&error) {
        Some(Err(why)) if !is_of_user(&error) => Err(No::Refused(why)),
        // A quota that is used up, or a webhook that takes no dry runs, is nothing against the workload; the user is to know.
        Some(_) | None => {
            let failed = Call::of("patch", "apps", resource, Some(namespace)).failed(error).to_string();
            Err(No::Unsaid(failed.lines().next().unwrap_or_default().to_owned()))
        }
    }
}

/// Whether it is the user who may not, in RBAC's words: the service's account may.
fn is_of_user(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403 && status.message.contains(" cannot ") && status.message.contains(" resource "))
}
