//! Pools that are not chosen any more lose their workload: that one, and never many at once.

use anyhow::{Result, ensure};
use api::names::app_set::event_reason;
use jiff::SignedDuration;
use kube::api::DeleteParams;
use serde_json::json;
use tests::fixture::{SCENE_LABEL, says};

use super::estate;

#[tokio::test]
async fn a_pool_that_is_not_chosen_any_more_loses_its_workload_and_no_other_does() -> Result<()> {
    let estate = estate("leaving", 3).await?;
    let [first, second, third] = [&estate.pools[0], &estate.pools[1], &estate.pools[2]];
    estate.deploy(&estate.app_set("web").in_pools(&[third]), 3).await?;
    let pods = estate.pods("web").await?;
    // The third one is chosen by its name too.
    for pool in [first, third] {
        estate.label_pool(pool, &json!({SCENE_LABEL: null})).await?;
    }
    estate.await_pools("web", &[second, third]).await?;
    let set = estate.await_settled("web", 2).await?;
    assert!(says(&set, "PoolFound", "True", &["There are 2 matched nodepools: [leaving-pool-2 leaving-pool-3]"]));
    let mut left = estate.pods("web").await?;
    left.insert(first.clone(), pods[first].clone());
    assert_eq!(left, pods);
    // And it gets one again.
    estate.label_pool(first, &json!({SCENE_LABEL: estate.namespace})).await?;
    estate.await_settled("web", 3).await?;
    Ok(())
}

/// With OpenYurt an empty list of pools deletes every workload at once.
#[tokio::test]
async fn no_more_than_a_tenth_of_the_pools_goes_within_a_minute() -> Result<()> {
    let estate = estate("budget", 4).await?;
    estate.deploy(&estate.app_set("web"), 4).await?;
    let pods = estate.pods("web").await?;
    // A selector with a slip of the pen.
    estate.change("web", &json!({"spec": {"nodepoolSelector": {"matchLabels": {SCENE_LABEL: "bugdet"}}}})).await?;
    let words = ["DeleteWorkloadHeld", "1 of at most 1 workloads were deleted within a minute"];
    let held = estate.await_condition("web", "AppDeleted", "False", &words).await?;
    assert!(says(&held, "PoolFound", "False", &["NoFindPools"]));
    estate.await_event("web", event_reason::DELETIONS_HELD, "at most 10 % of all within a minute").await?;
    estate.change("web", &json!({"spec": {"nodepoolSelector": {"matchLabels": {SCENE_LABEL: "budget"}}}})).await?;
    estate.await_settled("web", 4).await?;
    let deletes: Vec<_> = estate.writes()?.into_iter().filter(|call| call.kind() == "delete deployments").collect();
    for pair in deletes.windows(2) {
        let between = pair[1].received.duration_since(pair[0].received);
        ensure!(between > SignedDuration::from_secs(50), "two within {between}: {pair:?}");
    }
    // One, unless this machine took more than a minute to come so far.
    let kept = estate.pods("web").await?;
    assert_eq!(kept.iter().filter(|(pool, uids)| pods[*pool] == **uids).count(), 4 - deletes.len());
    Ok(())
}

#[tokio::test]
async fn a_node_pool_that_is_deleted_takes_its_workload_with_it() -> Result<()> {
    let estate = estate("gone", 2).await?;
    estate.deploy(&estate.app_set("web"), 2).await?;
    estate.node_pools().delete(&estate.pools[0], &DeleteParams::default()).await?;
    estate.await_pools("web", &[&estate.pools[1]]).await?;
    estate.await_settled("web", 1).await?;
    Ok(())
}

/// Kubernetes' garbage collector does it.
#[tokio::test]
async fn a_set_that_is_deleted_takes_everything_with_it() -> Result<()> {
    let estate = estate("whole", 2).await?;
    estate.deploy(&estate.app_set("web"), 2).await?;
    estate.delete("web").await?;
    estate.await_pools("web", &[]).await?;
    tests::fixture::eventually("its revisions to go", 2 * super::MINUTE, async || {
        Ok(estate.revisions("web").await?.is_empty().then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_set_that_is_deleted_without_its_workloads_and_made_again_takes_them_back() -> Result<()> {
    let estate = estate("again", 2).await?;
    let first = estate.deploy(&estate.app_set("web"), 2).await?;
    let (children, pods) = (estate.children("web").await?, estate.pods("web").await?);
    estate.sets().delete("web", &DeleteParams::orphan()).await?;
    let orphan = |child: &serde_json::Value| child["metadata"]["ownerReferences"].is_null();
    for pool in &estate.pools {
        estate.await_child("web", pool, "no owner", orphan).await?;
    }
    let again = estate.deploy(&estate.app_set("web"), 2).await?;
    assert_ne!(again["metadata"]["uid"], first["metadata"]["uid"]);
    for (pool, child) in estate.children("web").await? {
        assert_eq!(child["metadata"]["uid"], children[&pool]["metadata"]["uid"], "{pool}");
        assert_eq!(child["metadata"]["ownerReferences"][0]["uid"], again["metadata"]["uid"], "{pool}");
    }
    assert_eq!(estate.pods("web").await?, pods);
    Ok(())
}

/// While the workloads of its namesake, which have the names of its own, are still going.
#[tokio::test]
async fn a_set_that_is_made_again_at_once_waits_for_its_namesakes_workloads_to_go() -> Result<()> {
    let estate = estate("namesake", 2).await?;
    let set = estate.app_set("web").pod_annotation("drover.dev/stop-after", "1s");
    estate.deploy(&set, 2).await?;
    let before = estate.children("web").await?;
    estate.delete("web").await?;
    let again = estate.deploy(&set, 2).await?;
    for (pool, child) in estate.children("web").await? {
        assert_ne!(child["metadata"]["uid"], before[&pool]["metadata"]["uid"], "{pool}");
        assert_eq!(child["metadata"]["ownerReferences"][0]["uid"], again["metadata"]["uid"], "{pool}");
    }
    Ok(())
}
