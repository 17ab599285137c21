//! Kubernetes refuses the new pods.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use api::names::{self, reason};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use super::{LONG, bed, condition, stands_still};

#[tokio::test]
async fn pods_that_quota_refuses_halt_the_run_until_somebody_says_go_on() -> Result<()> {
    let scene = bed().await?.scene("quota", 6, 1).await?;
    let agent = scene.deploy("agent", "2").await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    quotas.create(&PostParams::default(), &serde_json::from_value(quota)?).await.context("making a quota")?;
    // The API server knows of a quota when its usage is counted.
    tests::fixture::eventually("the quota's usage", LONG, async || {
        let quota = quotas.get("none").await.context("reading the quota")?;
        Ok(quota.status.and_then(|status| status.used).filter(|used| used.contains_key("pods")))
    })
    .await?;

    agent.release("v2").await?;
    let status = scene.await_phase("agent", 2, Phase::Halted, LONG).await?;
    let halt = status.halt.context("halted without a halt")?;
    assert_eq!(halt.reason, "ReplacementMissing");
    assert_eq!(
        condition(&scene.status("agent").await?.context("no status")?, names::condition::HALTED)?.status,
        "True"
    );
    let event = scene.await_event("agent", reason::HALTED, LONG).await?;
    assert!(event.note.is_some_and(|note| note.contains("not replaced by Kubernetes")));
    let lost = scene.deletes()?;
    assert!((1..=2).contains(&lost), "{lost} pods were deleted");
    stands_still(&scene, &agent, 6 - lost).await?;

    quotas.delete("none", &DeleteParams::default()).await.context("lifting the quota")?;
    // Waiting for the DaemonSet controller's next attempt may take long: a change of the object makes it look at once. The first
    // time the quota may not be known to be gone.
    let mut round = 0;
    tests::fixture::eventually("pods in place of the lost ones", LONG, async || {
        round += 1;
        agent.annotate("example.org/quota", Some(&format!("lifted {round}"))).await?;
        Ok(agent.await_ready("v2", lost, Duration::from_secs(2)).await.ok())
    })
    .await?;
    // The cause is gone, but nobody has said so: a halt is sticky.
    let still = stands_still(&scene, &agent, 6).await?;
    assert_eq!(still.phase, Phase::Halted);
    scene.tell_run("agent", &json!({"resumeToken": halt.token})).await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((status.units.updated, status.units.settled), (6, 6));
    scene.await_event("agent", reason::RESUMED, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 6, "{verdict}");
    Ok(())
}
