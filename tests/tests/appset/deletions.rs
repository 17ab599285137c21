//! Pools that are not chosen any more lose their workload: that one, and never many at once.

use anyhow::{Context as _, Result, ensure};
use api::names::app_set::{self as names, event_reason};
use jiff::SignedDuration;
use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use tests::fixture::{Estate, SCENE_LABEL, eventually, says};

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
    let mut stay = pods.clone();
    stay.remove(first);
    // Its pods go after it.
    eventually("the pods of the other pools alone", 2 * super::MINUTE, async || {
        Ok((estate.pods("web").await? == stay).then_some(()))
    })
    .await?;
    let deletes: Vec<_> = estate.writes()?.into_iter().filter(|call| call.kind() == "delete deployments").collect();
    ensure!(matches!(&deletes[..], [one] if one.propagation.as_deref() == Some("Background")), "{deletes:?}");
    // And it gets one again.
    estate.label_pool(first, &json!({SCENE_LABEL: estate.namespace})).await?;
    estate.await_settled("web", 3).await?;
    Ok(())
}

/// With OpenYurt an empty list of pools deletes every workload at once. A workload that may not be deleted takes no other's place.
#[tokio::test]
async fn no_more_than_a_tenth_of_the_pools_goes_within_a_minute() -> Result<()> {
    let estate = estate("budget", 4).await?;
    estate.deploy(&estate.app_set("web"), 4).await?;
    let pods = estate.pods("web").await?;
    let [kept, goes] = [&estate.pools[0], &estate.pools[1]];
    keep_from_deletion(&estate, kept).await?;
    // A selector with a slip of the pen.
    estate.change("web", &json!({"spec": {"nodepoolSelector": {"matchLabels": {SCENE_LABEL: "bugdet"}}}})).await?;
    let words = ["DeleteWorkloadError", KEPT, "1 of at most 1 workloads were deleted within a minute"];
    let held = estate.await_condition("web", "AppDeleted", "False", &words).await?;
    eventually("the next one to go", 2 * super::MINUTE, async || {
        Ok((!estate.children("web").await?.contains_key(goes)).then_some(()))
    })
    .await?;
    assert!(says(&held, "PoolFound", "False", &["NoFindPools"]));
    estate.await_event("web", event_reason::DELETIONS_HELD, "at most 10 % of all within a minute").await?;
    estate.change("web", &json!({"spec": {"nodepoolSelector": {"matchLabels": {SCENE_LABEL: "budget"}}}})).await?;
    estate.await_settled("web", 4).await?;
    let deletes = estate.writes()?.into_iter().filter(|call| call.kind() == "delete deployments");
    let deletes: Vec<_> = deletes.filter(tests::checker::Call::is_accepted).collect();
    for pair in deletes.windows(2) {
        let between = pair[1].received.duration_since(pair[0].received);
        ensure!(between > SignedDuration::from_secs(50), "two within {between}: {pair:?}");
    }
    // One, unless this machine took more than a minute to come so far.
    let now = estate.pods("web").await?;
    assert_eq!(now.iter().filter(|(pool, uids)| pods[*pool] == **uids).count(), 4 - deletes.len());
    assert!(now[kept] == pods[kept] && now[goes] != pods[goes]);
    Ok(())
}

/// Why a workload is not deleted.
const KEPT: &str = "this one is kept";

/// Has the API server refuse to delete the workload of a pool.
async fn keep_from_deletion(estate: &Estate<'_>, pool: &str) -> Result<()> {
    let name = format!("{}-kept", estate.namespace);
    let rules =
        json!([{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["deployments"]}]);
    let place = json!({"matchLabels": {"kubernetes.io/metadata.name": estate.namespace}});
    let is_other = format!("oldObject.metadata.labels['{}'] != '{pool}'", names::POOL_NAME);
    let policy = json!({
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": rules, "namespaceSelector": place},
            "validations": [{"expression": is_other, "message": KEPT}],
        },
    });
    let binding = json!({"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}});
    let made = PostParams::default();
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(estate.client.clone());
    policies.create(&made, &serde_json::from_value(policy)?).await.context("making a policy")?;
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(estate.client.clone());
    bindings.create(&made, &serde_json::from_value(binding)?).await.context("binding the policy")?;
    let child = estate.child("web", pool).await?["metadata"]["name"].take();
    let child = child.as_str().context("a workload without a name")?.to_owned();
    let deployments = estate.objects("apps/v1", "Deployment");
    eventually("the policy to be followed", 2 * super::MINUTE, async || {
        match deployments.delete(&child, &DeleteParams::default().dry_run()).await {
            Err(kube::Error::Api(status)) if status.message.contains(KEPT) => Ok(Some(())),
            Ok(_) => Ok(None),
            Err(error) => Err(error.into()),
        }
    })
    .await
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
