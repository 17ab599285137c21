//! `drover`, used as a user uses it: the program itself, with kubeconfigs of users who have few rights.

mod approvals;
mod explained;
mod foretold;
mod halts;
mod planned;
mod rights;
mod rollback;
mod sets;
mod status;
mod steering;
mod user;

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::approval_request::ApprovalRequest;
use api::fleet_rollout::FleetRolloutStatus;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tests::fixture::{Pace, Scene, Testbed, Updater, eventually};
use tokio::sync::OnceCell;

use user::User;

const MINUTE: Duration = Duration::from_mins(1);
/// For runs that are stopped on their way: what a command line takes on a busy machine.
const LONG: Duration = Duration::from_mins(3);

/// Long enough for whatever an updater would do that must not do it.
const A_WHILE: Duration = Duration::from_secs(2);

/// A release whose pods take so long that a run of a few rounds is still under way when a user types something.
const SLOW: &[(&str, Option<&str>)] = &[("drover.dev/ready-after", Some("3s"))];

/// One cluster and one updater for all of these.
async fn bed() -> Result<&'static Testbed> {
    static BED: OnceCell<(Testbed, Updater)> = OnceCell::const_new();
    Ok(&BED.get_or_try_init(|| Testbed::with_updater(Pace::calm())).await?.0)
}

/// A scene, and its administrator at a terminal.
async fn scene(name: &str, nodes: u32, pools: u32) -> Result<(Scene<'static>, User)> {
    let bed = bed().await?;
    let scene = bed.scene(name, nodes, pools).await?;
    let user = User::administrator(&scene);
    Ok((scene, user))
}

/// Waits until the run of a revision has a status as is wanted.
async fn await_status(
    scene: &Scene<'_>,
    number: i64,
    what: &str,
    wanted: impl Fn(&FleetRolloutStatus) -> bool,
) -> Result<FleetRolloutStatus> {
    let mut last = None;
    let found = eventually(what, LONG, async || {
        let run = scene.runs("agent").await?.into_iter().find(|run| run.spec.revision.number == number);
        last = run.and_then(|run| run.status);
        Ok(last.clone().filter(&wanted))
    });
    let found = found.await;
    found.with_context(|| format!("last status: {}", json!(last)))
}

/// Waits until the API server enforces who may decide: some time after the policy was applied.
async fn await_policy(scene: &Scene<'_>) -> Result<()> {
    let requests: Api<ApprovalRequest> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let decided = serde_json::from_value(json!({
        "apiVersion": "drover.dev/v1alpha1", "kind": "ApprovalRequest", "metadata": {"name": "probe"},
        "spec": {
            "rolloutRef": {"name": "agent", "uid": "1"}, "wave": "early", "point": "BeforeWave",
            "decision": "Approved", "approver": "nobody",
        },
    }))?;
    let params = PostParams { dry_run: true, ..PostParams::default() };
    eventually("the policy to be enforced", LONG, async || Ok(requests.create(&params, &decided).await.err())).await?;
    Ok(())
}
