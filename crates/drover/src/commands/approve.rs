//! `drover approve`.

use api::approval_request::{ApprovalRequest, Decision};
use api::fleet_rollout::FleetRollout;
use api::names;
use clap::Args;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use super::Failure;
use super::output::say;
use crate::call::{Call, CallError};
use crate::reach::{Cluster, Reach};
use crate::steer::{MANAGER, Misfit, phase, take};
use crate::target::Target;

/// What is decided.
#[derive(Args, Debug)]
#[command(
    after_help = "You need the RBAC verbs patch and approve on approvalrequests of API group drover.dev. Your name is written \
                        into the request, and a decision cannot be changed.\n\nExamples:\n  drover approve agent\n  drover approve agent early --comment 'canary looks good, OPS-12'\n  drover approve agent early --reject --comment 'latency is up'"
)]
pub struct Options {
    /// A DaemonSet, a YurtAppSet (yas/NAME) or a FleetRollout.
    target: Target,
    /// The wave, if several wait.
    wave: Option<String>,
    /// Rejects it: only a newer revision goes on.
    #[arg(long)]
    reject: bool,
    /// What you have to say about it.
    #[arg(long)]
    comment: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let (cluster, run) = take(&options.reach, &options.target).await?;
    let request = waiting(&cluster, &run, options.wave.as_deref()).await?;
    let decision = if options.reject { Decision::Rejected } else { Decision::Approved };
    let approver = own_name(&cluster).await?;
    let namespace = request.namespace().unwrap_or_default();
    let patch = json!({
        "metadata": { "uid": request.uid(), "resourceVersion": request.resource_version() },
        "spec": { "decision": decision, "approver": approver, "comment": options.comment },
    });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let requests: Api<ApprovalRequest> = Api::namespaced(cluster.client.clone(), &namespace);
    let patched = requests.patch(&request.name_any(), &params, &Patch::Merge(&patch)).await;
    patched.map_err(|error| Call::of("patch", names::GROUP, "approvalrequests", Some(&namespace)).failed(error))?;
    let (wave, name) = (&request.spec.wave, run.name_any());
    let done = match decision {
        Decision::Approved => "approved",
        Decision::Rejected => "rejected",
    };
    say(format_args!("wave {wave:?} of {name} {done} by {approver}"));
    Ok(())
}

/// The request of this run that waits for a decision.
async fn waiting(cluster: &Cluster, run: &FleetRollout, wave: Option<&str>) -> Result<ApprovalRequest, Failure> {
    let namespace = run.namespace().unwrap_or_default();
    let requests: Api<ApprovalRequest> = Api::namespaced(cluster.client.clone(), &namespace);
    let listed = requests.list(&ListParams::default()).await;
    let listed =
        listed.map_err(|error| Call::of("list", names::GROUP, "approvalrequests", Some(&namespace)).failed(error))?;
    let uid = run.uid().unwrap_or_default();
    let mut mine: Vec<ApprovalRequest> = listed.items;
    mine.retain(|request| request.spec.rollout_ref.uid == uid && request.spec.decision.is_none());
    mine.retain(|request| wave.is_none_or(|wave| request.spec.wave == wave));
    let waves: Vec<String> = mine.iter().map(|request| request.spec.wave.clone()).collect();
    match (mine.pop(), waves.len()) {
        (Some(request), 1) => Ok(request),
        (Some(_), _) => Err(Misfit::WhichWave { run: run.name_any(), waves }.into()),
        (None, _) => {
            let wave = wave.map(str::to_owned);
            Err(Misfit::NothingToApprove { run: run.name_any(), wave, phase: phase(run) }.into())
        }
    }
}

/// The user's name, as the API server knows it.
async fn own_name(cluster: &Cluster) -> Result<String, CallError> {
    let reviews: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let asked = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let asked =
        asked.map_err(|error| Call::of("create", "authentication.k8s.io", "selfsubjectreviews", None).failed(error))?;
    Ok(asked.status.and_then(|status| status.user_info?.username).unwrap_or_default())
}
