//! What restarts pods: another pod template in their pool, and nothing else.

use anyhow::Result;
use serde_json::{Value, json};
use tests::fixture::{AppSet, Pods};

use super::estate;

/// Each pool has all the pods that it had, and maybe more.
fn kept(before: &Pods, after: &Pods) {
    for (pool, pods) in before {
        assert!(
            after.get(pool).is_some_and(|after| after.is_superset(pods)),
            "pods of {pool}: {pods:?}, then {after:?}"
        );
    }
}

/// There every edit of a tweak restarts all pods of all pools: its revision is stamped into their templates.
#[tokio::test]
async fn item_1_replicas_of_a_pool_another_tweak_and_a_new_pool_restart_nothing_elsewhere() -> Result<()> {
    let mut estate = estate("restarts", 3).await?;
    let pools = estate.pools.clone();
    let set = estate.app_set("web").replicas(2);
    estate.deploy(&set, 3).await?;
    let first = estate.pods("web").await?;
    assert_eq!(first.values().map(std::collections::BTreeSet::len).collect::<Vec<_>>(), [2, 2, 2]);

    let scaled = set.clone().tweak(json!({"pools": [pools[0]], "tweaks": {"replicas": 3}}));
    estate.deploy(&scaled, 3).await?;
    let more = estate.pods("web").await?;
    kept(&first, &more);
    assert_eq!((more[&pools[0]].len(), more[&pools[1]].len()), (3, 2));

    estate.add_pool("restarts-more").await?;
    estate.await_settled("web", 4).await?;
    kept(&more, &estate.pods("web").await?);

    let images = json!([{"name": "main", "targetImage": AppSet::image_of("web", "v2")}]);
    let other = scaled.tweak(json!({"pools": [pools[1]], "tweaks": {"containerImages": images}}));
    estate.deploy(&other, 4).await?;
    let mut last = estate.pods("web").await?;
    assert!(last[&pools[1]].is_disjoint(&more[&pools[1]]), "its image is another one");
    last.insert(pools[1].clone(), more[&pools[1]].clone());
    kept(&more, &last);
    Ok(())
}

/// There a label that makes a tweak match changes nothing until somebody edits the YurtAppSet.
#[tokio::test]
async fn item_9_a_tweak_follows_the_labels_of_node_pools() -> Result<()> {
    let estate = estate("labels", 2).await?;
    let lab = json!({"nodepoolSelector": {"matchLabels": {"tier": "lab"}}, "tweaks": {"replicas": 2}});
    estate.deploy(&estate.app_set("web").tweak(lab), 2).await?;
    let before = estate.pods("web").await?;
    let [moved, stays] = [&estate.pools[0], &estate.pools[1]];
    estate.label_pool(moved, &json!({"tier": "lab"})).await?;
    estate.await_child("web", moved, "two replicas", |child| child["status"]["readyReplicas"] == 2).await?;
    estate.await_settled("web", 2).await?;
    kept(&before, &estate.pods("web").await?);
    estate.label_pool(moved, &json!({"tier": "shop"})).await?;
    estate.await_child("web", moved, "one replica", |child| child["spec"]["replicas"] == 1).await?;
    assert_eq!(estate.child("web", stays).await?["spec"]["replicas"], 1);
    Ok(())
}

/// There the revision is a hash of what Go's types make of the spec, and an upgrade of yurt-manager may restart every pod.
#[tokio::test]
async fn item_13_what_means_the_same_is_the_same_revision() -> Result<()> {
    let estate = estate("same", 2).await?;
    let set = estate.app_set("web");
    let first = estate.deploy(&set, 2).await?;
    let (pods, children) = (estate.pods("web").await?, estate.children("web").await?);
    // As a client writes it that is made of Go's types.
    let go = set
        .template("/spec/strategy", json!({}))
        .template("/spec/template/metadata/creationTimestamp", Value::Null)
        .template("/spec/template/spec/containers/0/resources", json!({}))
        .annotation("example.org/by", "another client");
    estate.apply(&go).await?;
    let generation = first["metadata"]["generation"].as_i64();
    let later =
        estate.await_set("web", "a newer generation", |set| set["status"]["observedGeneration"].as_i64() > generation);
    let later = later.await?;
    assert_eq!(later["status"]["currentRevision"], first["status"]["currentRevision"]);
    assert_eq!(estate.revisions("web").await?.len(), 1);
    assert_eq!(estate.pods("web").await?, pods);
    for (pool, child) in estate.children("web").await? {
        assert_eq!(child["metadata"]["generation"], children[&pool]["metadata"]["generation"], "{pool}");
    }
    Ok(())
}
