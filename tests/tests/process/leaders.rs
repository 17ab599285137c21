//! Two replicas: one acts, the other is ready to.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use proto::admin::v1::worker_setting::Setting;
use proto::admin::v1::{DumpRequest, GetConfigRequest, Standing};
use tests::checker::Call;
use tests::fixture::{Scene, Testbed, Updater, UpdaterSpec, eventually};
use tonic::Code;

use super::admin::Admin;
use super::{LONG, stage};

/// Requests that a process may have under way when it is stopped: the budget's deletes and a status.
const IN_FLIGHT: usize = 3;
/// What it did is told in one event for some seconds together: the news of its last deletes may come late.
const LATE_EVENTS: usize = 1;

/// A replica and the connection to it.
struct Replica {
    updater: Updater,
    admin: Admin,
}

impl Replica {
    async fn start(bed: &Testbed, spec: UpdaterSpec) -> Result<Self> {
        let updater = bed.updater(spec).await?;
        let admin = Admin::of(&updater).await?;
        Ok(Self { updater, admin })
    }

    /// Ends it as Kubernetes does; back when it is gone, which is at once.
    async fn end(&self) -> Result<()> {
        let exit = self.updater.process.terminate(LONG).await?;
        ensure!(exit.success(), "{exit}: {}", self.updater.process.output());
        Ok(())
    }
}

/// With a Lease that nobody would wait out here: it changes hands when it is given back, and not because a machine stood still.
fn long_lease() -> UpdaterSpec {
    let spec = UpdaterSpec::default().env("DROVER_LEASE__DURATION", "300s").env("DROVER_LEASE__RENEW_EVERY", "2s");
    spec.env("DROVER_KUBE__WRITE_TIMEOUT", "10s")
}

/// A leader and its stand-by.
async fn pair(bed: &Testbed, spec: &UpdaterSpec) -> Result<(Replica, Replica)> {
    let mut leader = Replica::start(bed, spec.clone()).await?;
    let name = leader.admin.await_leading().await?.leader;
    let mut stand_by = Replica::start(bed, spec.clone()).await?;
    stand_by.admin.await_following(&name).await?;
    Ok((leader, stand_by))
}

async fn await_updated(scene: &Scene<'_>, updated: u32) -> Result<()> {
    let what = format!("{updated} updated units");
    eventually(&what, LONG, async || {
        let runs = scene.runs("agent").await?;
        let run = runs.iter().find(|run| run.spec.revision.number == 2).and_then(|run| run.status.as_ref());
        Ok(run.filter(|status| status.units.updated >= updated).map(|_| ()))
    })
    .await
}

/// What one leader wrote in a scene after another had taken over, events aside.
fn writes_after(scene: &Scene<'_>, old: &str, new: &str) -> Result<Vec<Call>> {
    scene.bed.calls(|calls| {
        let mut leases = calls.iter().filter(|call| call.resource == "leases" && call.is_accepted());
        let credential = leases.clone().find(|call| call.holder == old).map(|call| &call.credential);
        let taken = leases.find(|call| call.holder == new).map(|call| call.completed);
        let (Some(credential), Some(taken)) = (credential, taken) else { return Vec::new() };
        let here = calls.iter().filter(|call| call.namespace == scene.namespace && call.resource != "events");
        let late = here.filter(|call| call.credential == *credential && call.received > taken);
        late.filter(|call| call.is_write()).cloned().collect()
    })
}

#[tokio::test]
async fn a_stand_by_answers_reads_and_refuses_writes() -> Result<()> {
    let (bed, _turn) = stage().await?;
    let (mut leader, mut stand_by) = pair(bed, &long_lease()).await?;
    let name = leader.admin.info().await?.leader;
    assert!(name.contains(&format!("_{}_", leader.updater.process.pid())), "{name}");
    let info = stand_by.admin.info().await?;
    assert!(info.ready && info.standing() == Standing::StandBy, "{info:?}");
    assert_eq!(stand_by.admin.workers().await?.active, 3);
    stand_by.admin.client.get_config(GetConfigRequest {}).await.context("GetConfig")?;
    stand_by.admin.client.dump(DumpRequest { sections: vec!["mirror".to_owned()] }).await.context("Dump")?;

    let refusal = stand_by.admin.set_workers(Setting::Fixed(5)).await.err().context("a stand-by sets workers")?;
    assert_eq!(refusal.code(), Code::FailedPrecondition, "{refusal}");
    assert!(refusal.message().contains(&name), "{refusal} names {name}");
    assert_eq!(stand_by.admin.workers().await?.active, 3);
    assert_eq!(leader.admin.set_workers(Setting::Fixed(5)).await?.active, 5);
    tokio::try_join!(leader.end(), stand_by.end()).map(drop)
}

#[tokio::test]
async fn a_leader_that_stands_still_is_replaced_and_stays_so() -> Result<()> {
    let (bed, _turn) = stage().await?;
    let (mut first, mut second) = pair(bed, &UpdaterSpec::default()).await?;
    let old = first.admin.info().await?.leader;
    let mut scene = bed.scene("paused-leader", 12, 2).await?;
    scene.rules.in_flight = IN_FLIGHT + LATE_EVENTS;
    let agent = scene.deploy("agent", "2").await?;
    agent.release("v2").await?;
    await_updated(&scene, 2).await?;

    first.updater.process.pause()?;
    // After the lease of 3 s, and 1 s in which the old leader's writes may still arrive.
    let name = second.admin.await_leading().await?.leader;
    let updated = scene.status("agent").await?.context("no status")?.units.updated;
    assert!(updated < 12, "there is little left to do: {updated} of 12 are updated");
    await_updated(&scene, updated + 1).await?;

    first.updater.process.resume()?;
    first.admin.await_following(&name).await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.settled, status.units.uncontrolled), (12, 0));
    assert_eq!(second.admin.info().await?.standing(), Standing::Leading);
    let verdict = scene.finish_done().await?;
    assert!(verdict.restarts.values().all(|restarts| *restarts == 1), "{verdict}");
    assert_eq!(verdict.deletes, 12, "{verdict}");
    assert!(verdict.handovers >= 1, "{verdict}");
    let stale = writes_after(&scene, &old, &name)?;
    assert!(stale.len() <= IN_FLIGHT, "{stale:?}");
    tokio::try_join!(first.end(), second.end()).map(drop)
}

#[tokio::test]
async fn a_leader_that_is_told_to_end_gives_its_lease_back() -> Result<()> {
    let (bed, _turn) = stage().await?;
    let (first, mut second) = pair(bed, &long_lease()).await?;
    let scene = bed.scene("told-to-end", 8, 2).await?;
    let agent = scene.deploy("agent", "2").await?;
    agent.release("v2").await?;
    await_updated(&scene, 2).await?;

    first.end().await?;
    let ended = Instant::now();
    second.admin.await_leading().await?;
    let took = ended.elapsed();
    assert!(took < Duration::from_mins(2), "the stand-by leads after {took:?}");
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert!(verdict.deletes == 8 && verdict.restarts.len() == 8, "{verdict}");

    second.end().await?;
    let leases: Api<Lease> = Api::namespaced(scene.client.clone(), api::rbac::NAMESPACE);
    let lease = leases.get("drover-daemon-updater").await.context("reading the Lease")?;
    let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
    assert_eq!(holder, "", "the Lease is still held");
    Ok(())
}
