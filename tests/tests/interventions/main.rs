//! What people and other controllers do in the middle of a run, and what a DaemonSet may ask for that cannot be done.

mod annotations;
mod nodes;
mod quota;
mod recreated;
mod revisions;
mod rights;
mod users;
mod workloads;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::FleetRolloutStatus;
use api::names;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use tests::checker::Call;
use tests::fixture::{Pace, Scene, Testbed, Updater, eventually};
use tokio::sync::OnceCell;
use xtask::daemonsets::{Daemon, is_ready};

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);
/// Longer than anything takes that the updater does by itself at this pace, but for missing replacements (`quota`), which are waited
/// for.
const A_WHILE: Duration = Duration::from_secs(3);

/// One cluster and one updater for all of these.
async fn bed() -> Result<&'static Testbed> {
    static BED: OnceCell<(Testbed, Updater)> = OnceCell::const_new();
    Ok(&BED.get_or_try_init(|| Testbed::with_updater(Pace::calm())).await?.0)
}

/// Waits until the newest run of a DaemonSet is number `number` and its status is as wanted.
async fn await_status(
    scene: &Scene<'_>,
    daemon_set: &str,
    number: i64,
    what: &str,
    wanted: impl Fn(&FleetRolloutStatus) -> bool,
) -> Result<FleetRolloutStatus> {
    let mut last = None;
    let found = eventually(what, LONG, async || {
        let run = scene.runs(daemon_set).await?.pop().filter(|run| run.spec.revision.number == number);
        last = run.and_then(|run| run.status);
        Ok(last.clone().filter(&wanted))
    });
    match found.await {
        Ok(status) => Ok(status),
        Err(error) => Err(error.context(format!("last status: {}", serde_json::json!(last)))),
    }
}

/// Waits until nothing is under way any more in a run that starts nothing and has `pods` pods, and makes sure that it stays so.
async fn stands_still(scene: &Scene<'_>, daemon: &Daemon, pods: usize) -> Result<FleetRolloutStatus> {
    let name = daemon.get().await?.name_any();
    let before = eventually("what is under way to end, and the run to say so", LONG, async || {
        let all = daemon.pods().await?;
        let well = all.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && is_ready(pod)).count();
        let Some(run) = scene.runs(&name).await?.pop() else { return Ok(None) };
        // A status is written after what it tells of.
        let hash = |pod: &Pod| pod.labels().get(names::REVISION_HASH).cloned().unwrap_or_default();
        let updated = all.iter().filter(|pod| format!("{name}-{}", hash(pod)) == run.spec.revision.name).count();
        let told = |status: &FleetRolloutStatus| {
            status.units.settled == status.units.updated && usize::try_from(status.units.updated) == Ok(updated)
        };
        Ok(run.status.filter(|status| (all.len(), well) == (pods, pods) && told(status)))
    })
    .await?;
    let uids = scene.uids(daemon).await?;
    scene.no_more_deletes(A_WHILE).await?;
    ensure!(scene.uids(daemon).await? == uids, "pods were replaced in {}", scene.namespace);
    let after = scene.status(&name).await?.context("the run is gone")?;
    ensure!(after.units == before.units, "{:?} became {:?}", before.units, after.units);
    Ok(after)
}

/// Waits until the updater has asked nothing about a scene's namespace for a while. Not of events: those of what was done before
/// are told together, a while later.
async fn falls_silent(scene: &Scene<'_>) -> Result<()> {
    let (mut before, mut since) = (usize::MAX, Instant::now());
    eventually("an end of the updater's questions", LONG, async || {
        let asked = calls(scene)?.iter().filter(|call| call.resource != "events").count();
        if asked != before {
            (before, since) = (asked, Instant::now());
        }
        Ok((since.elapsed() >= A_WHILE).then_some(()))
    })
    .await
}

/// The updater's requests in a scene's namespace, of all kinds.
fn calls(scene: &Scene<'_>) -> Result<Vec<Call>> {
    let user = &scene.rules.updater.user;
    scene.bed.calls(|calls| {
        calls.iter().filter(|call| call.namespace == scene.namespace && call.user == *user).cloned().collect()
    })
}

/// A condition of a status.
fn condition<'a>(status: &'a FleetRolloutStatus, kind: &str) -> Result<&'a Condition> {
    let found = status.conditions.iter().find(|condition| condition.type_ == kind);
    found.with_context(|| format!("no condition {kind} among {:?}", status.conditions))
}
