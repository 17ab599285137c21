//! The history of what was asked for.

use anyhow::{Context as _, Result};
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};
use tests::fixture::AppSet;

use super::{A_WHILE, container, estate};

fn names(revisions: &[Value]) -> Vec<(&str, i64)> {
    let name = |revision: &'_ Value| revision["revision"].as_i64().unwrap_or_default();
    revisions
        .iter()
        .map(|revision| (revision["metadata"]["name"].as_str().unwrap_or_default(), name(revision)))
        .collect()
}

#[tokio::test]
async fn what_was_asked_for_before_is_the_newest_revision_again() -> Result<()> {
    let estate = estate("back", 2).await?;
    let set = estate.app_set("web");
    let first = estate.deploy(&set, 2).await?["status"]["currentRevision"].clone();
    let revision = estate.revisions("web").await?.pop().context("a revision")?;
    assert_eq!(revision["data"]["spec"]["workload"]["$patch"], "replace", "as OpenYurt writes it");
    assert_eq!(revision["metadata"]["labels"]["apps.openyurt.io/ref-yurtappset"], "web");
    let hash = revision["metadata"]["labels"]["controller.kubernetes.io/hash"].as_str().context("a hash")?;
    assert_eq!(first, format!("web-{hash}"));
    let second = estate.deploy(&set.clone().tag("v2"), 2).await?["status"]["currentRevision"].clone();
    let again = estate.deploy(&set, 2).await?["status"]["currentRevision"].clone();
    assert_eq!(again, first);
    let revisions = estate.revisions("web").await?;
    let expected = [(second.as_str().unwrap_or_default(), 2), (first.as_str().unwrap_or_default(), 3)];
    assert_eq!(names(&revisions), expected);
    let child = estate.child("web", &estate.pools[0]).await?;
    assert_eq!(container(&child, "image"), &json!(AppSet::image_of("web", "v1")));
    Ok(())
}

/// A workload's revision is kept in any case, and that to which a failed run would go back.
#[tokio::test]
async fn old_revisions_go_beyond_the_limit_and_the_current_one_stays() -> Result<()> {
    let estate = estate("history", 1).await?;
    let set = estate.app_set("web").set("/spec/revisionHistoryLimit", json!(2));
    for tag in ["v1", "v2", "v3", "v4"] {
        estate.deploy(&set.clone().tag(tag), 1).await?;
    }
    let numbers = async || {
        let revisions = estate.revisions("web").await?;
        anyhow::Ok(names(&revisions).into_iter().map(|(_, number)| number).collect::<Vec<_>>())
    };
    tests::fixture::eventually("two revisions", 2 * super::MINUTE, async || {
        Ok((numbers().await? == [3, 4]).then_some(()))
    })
    .await?;
    estate.change("web", &json!({"spec": {"revisionHistoryLimit": 0}})).await?;
    estate.await_settled("web", 1).await?;
    estate.quiet(A_WHILE / 2).await?;
    assert_eq!(numbers().await?.last(), Some(&4));
    Ok(())
}

/// Names are hashes, and those of other content can be the same; here somebody took the name on purpose.
#[tokio::test]
async fn a_name_that_other_content_has_is_a_collision_and_another_name_is_found() -> Result<()> {
    let (known, estate) = (estate("known", 1).await?, estate("collision", 1).await?);
    // The name depends on the name of the set and on what it asks for.
    let set = AppSet::new("", "web").in_pools(&["known-pool-1", "collision-pool-1"]);
    let of = |namespace: &str| set.clone().set("/metadata/namespace", json!(namespace));
    let first = known.deploy(&of("known"), 2).await?["status"]["currentRevision"].clone();
    let theirs = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": first},
        "data": {"spec": {"workload": {"$patch": "replace", "something": "else"}}}, "revision": 7,
    });
    let theirs: DynamicObject = serde_json::from_value(theirs)?;
    estate.objects("apps/v1", "ControllerRevision").create(&PostParams::default(), &theirs).await?;
    let status = estate.deploy(&of("collision"), 2).await?["status"].clone();
    assert_eq!(status["collisionCount"], 1);
    assert_ne!(status["currentRevision"], first);
    assert_eq!(names(&estate.revisions("web").await?), [(status["currentRevision"].as_str().unwrap_or_default(), 1)]);
    Ok(())
}
