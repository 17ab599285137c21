//! A yurt-manager that lives upgrades the same DaemonSets: Drover makes way for it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names::condition;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Client};
use tests::fixture::{Pace, Testbed, UpdaterSpec};
use tokio::task::JoinHandle;

use super::MINUTE;

/// Of the pretended yurt-manager's lease.
const LEASE_SECONDS: i32 = 3;

/// A yurt-manager that does nothing but live, until it is dropped.
struct YurtManager {
    renewing: JoinHandle<()>,
}

impl YurtManager {
    async fn start(client: Client) -> Result<Self> {
        let leases: Api<Lease> = Api::namespaced(client, "kube-system");
        renew(&leases).await?;
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                // One that fails is one of three in time.
                let _ = renew(&leases).await;
            }
        });
        Ok(Self { renewing })
    }
}

impl Drop for YurtManager {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

async fn renew(leases: &Api<Lease>) -> Result<()> {
    let lease = Lease {
        metadata: ObjectMeta { name: Some("yurt-manager".to_owned()), ..ObjectMeta::default() },
        spec: Some(LeaseSpec {
            holder_identity: Some("yurt-manager-0".to_owned()),
            lease_duration_seconds: Some(LEASE_SECONDS),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..LeaseSpec::default()
        }),
    };
    let params = PatchParams::apply("yurt-manager").force();
    leases.patch("yurt-manager", &params, &Patch::Apply(&lease)).await.context("renewing the lease").map(drop)
}

fn held_for_it(status: &FleetRolloutStatus) -> Result<()> {
    let held = status.conditions.iter().find(|condition| condition.type_ == condition::HELD);
    let held = held.context("no condition Held")?;
    assert_eq!((held.status.as_str(), held.reason.as_str()), ("True", "OtherController"));
    assert!(held.message.contains("kube-system/yurt-manager"), "{}", held.message);
    Ok(())
}

#[tokio::test]
async fn drover_holds_while_yurt_manager_lives_unless_told_otherwise() -> Result<()> {
    let bed = Testbed::start(Pace::calm().short_lease()).await?;
    let client = bed.cluster.client()?;
    let yurt_manager = YurtManager::start(client.clone()).await?;
    let updater = bed.updater(UpdaterSpec::default()).await?;
    let scene = bed.scene("yurt-manager", 4, 1).await?;
    let agent = scene.launch(&scene.daemon_set("agent", "50%")).await?;
    held_for_it(&scene.await_phase("agent", 1, Phase::Held, MINUTE).await?)?;
    agent.release("v2").await?;
    held_for_it(&scene.await_phase("agent", 2, Phase::Held, MINUTE).await?)?;
    // Longer than its lease: it is the renewals that count.
    tokio::time::sleep(Duration::from_secs(4)).await;
    held_for_it(&scene.status("agent").await?.context("no status")?)?;
    assert_eq!(scene.verdict()?.deletes, 0);

    drop(yurt_manager);
    scene.await_phase("agent", 2, Phase::Completed, MINUTE).await?;
    assert_eq!(scene.finish_done().await?.deletes, 4);

    let yurt_manager = YurtManager::start(client).await?;
    agent.release("v3").await?;
    held_for_it(&scene.await_phase("agent", 3, Phase::Held, MINUTE).await?)?;
    let exit = updater.process.terminate(Duration::from_secs(30)).await?;
    assert!(exit.success(), "{exit}");
    let _updater = bed.updater(UpdaterSpec::default().env("DROVER_YURT_MANAGER__IGNORE", "true")).await?;
    scene.await_phase("agent", 3, Phase::Completed, MINUTE).await?;
    drop(yurt_manager);
    assert_eq!(scene.finish_done().await?.deletes, 8);
    Ok(())
}
