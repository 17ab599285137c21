//! The status: right at every moment, also when something fails.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::fixture::{Estate, SCENE_LABEL, condition, eventually};

use super::{MINUTE, estate, has};

/// Whether a Deployment has rolled out what it is asked for.
fn rolled_out(child: &Value, image: &Value) -> bool {
    let (spec, status) = (&child["spec"], &child["status"]);
    super::container(child, "image") == image
        && status["observedGeneration"] == child["metadata"]["generation"]
        && status["updatedReplicas"] == spec["replicas"]
        && status["replicas"] == spec["replicas"]
}

/// There counts are taken before the writes, and a workload that was just written counts as updated.
#[tokio::test]
async fn item_8_counts_are_right_while_a_release_is_under_way() -> Result<()> {
    let estate = estate("counts", 4).await?;
    let set = estate.app_set("web").replicas(2);
    estate.deploy(&set, 4).await?;
    // One that never gets anywhere is under way whenever one looks.
    estate.apply(&set.clone().tag("broken")).await?;
    let is_under_way = |set: &Value| {
        let status = &set["status"];
        let is_seen = status["observedGeneration"] == set["metadata"]["generation"];
        is_seen && status["updatedWorkloads"].as_u64().is_some_and(|updated| updated < 4)
    };
    estate.await_set("web", "a release that is under way", is_under_way).await?;
    let next = set.tag("v2").pod_annotation("drover.dev/ready-after", "4s");
    let asked = estate.apply(&next).await?;
    let image = asked.pointer(&format!("{}/spec/template/spec/containers/0/image", next.template_pointer()));
    let image = image.context("an image")?;
    eventually("the release", 2 * MINUTE, async || {
        let set = estate.read("web").await?;
        // Read after the status: what was rolled out stays so.
        let children = estate.children("web").await?;
        if set["status"]["observedGeneration"] != set["metadata"]["generation"] {
            return Ok(None);
        }
        let updated = set["status"]["updatedWorkloads"].as_u64().context("a count")?;
        let done = children.values().filter(|child| rolled_out(child, image)).count();
        ensure!(updated <= u64::try_from(done)?, "{updated} are said to be updated, {done} are: {}", set["status"]);
        Ok((updated == 4).then_some(()))
    })
    .await
}

/// There a pool that is scaled to 0 is never ready.
#[tokio::test]
async fn item_8_a_pool_that_is_scaled_to_0_is_ready() -> Result<()> {
    let estate = estate("zero", 2).await?;
    let zero = json!({"pools": [estate.pools[0]], "tweaks": {"replicas": 0}});
    estate.deploy(&estate.app_set("web").tweak(zero), 2).await?;
    assert_eq!(estate.child("web", &estate.pools[0]).await?["spec"]["replicas"], 0);
    assert_eq!(estate.pods("web").await?.get(&estate.pools[0]), None);
    Ok(())
}

/// There it moves with every message.
#[tokio::test]
async fn item_2_the_time_of_a_condition_moves_with_its_status_only() -> Result<()> {
    let mut estate = estate("times", 1).await?;
    let set = estate.deploy(&estate.app_set("web"), 1).await?;
    let since = condition(&set, "PoolFound")["lastTransitionTime"].clone();
    assert!(since.is_string(), "{since}");
    // Times have whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    estate.add_pool("times-more").await?;
    let set = estate.await_settled("web", 2).await?;
    let found = condition(&set, "PoolFound");
    has(&found["message"].to_string(), &["There are 2 matched nodepools: [times-more times-pool-1]"]);
    assert_eq!(found["lastTransitionTime"], since);
    estate.change("web", &json!({"spec": {"nodepoolSelector": null, "pools": ["nowhere"]}})).await?;
    let set =
        estate.await_condition("web", "PoolFound", "False", &["NoFindPools", "there is no NodePool nowhere"]).await?;
    assert_ne!(condition(&set, "PoolFound")["lastTransitionTime"], since);
    estate.await_event("web", "NoFindPools", "There are no matched nodepools").await?;
    Ok(())
}

/// There an error keeps the status from being written, and the pools of its batch and later ones from being made.
#[tokio::test]
async fn item_7_a_pool_that_fails_is_said_and_keeps_no_other_from_succeeding() -> Result<()> {
    let estate = estate("failing", 4).await?;
    estate.limit("count/deployments.apps", 3).await?;
    estate.apply(&estate.app_set("web")).await?;
    let words = ["CreateWorkloadError", "failing-pool-", "exceeded quota: few"];
    estate.await_condition("web", "AppDispatched", "False", &words).await?;
    let three = |set: &Value| set["status"]["readyWorkloads"] == 3 && set["status"]["totalWorkloads"] == 3;
    estate.await_set("web", "three pools that are ready", three).await?;
    // It does not go on at full speed.
    let tried = estate.writes()?.iter().filter(|call| call.resource == "deployments").count();
    tokio::time::sleep(super::A_WHILE).await;
    let again = estate.writes()?.iter().filter(|call| call.resource == "deployments").count();
    ensure!(again - tried <= 8, "{} tries within {:?}", again - tried, super::A_WHILE);
    estate.lift_limit().await?;
    estate.await_settled("web", 4).await?;
    Ok(())
}

/// OpenYurt's, with its reasons and words. What happens within a short time is told together.
#[tokio::test]
async fn events_say_what_was_made_changed_and_deleted() -> Result<()> {
    let estate = estate("events", 3).await?;
    let set = estate.app_set("web");
    estate.deploy(&set, 3).await?;
    told(&estate, "Successful CreateWorkload", "Create", &estate.pools).await?;
    estate.deploy(&set.tag("v2"), 3).await?;
    told(&estate, "Successful UpdateWorkload", "Update", &estate.pools).await?;
    estate.label_pool(&estate.pools[0], &json!({SCENE_LABEL: null})).await?;
    estate.await_settled("web", 2).await?;
    told(&estate, "Successful DeleteWorkload", "Delete", &estate.pools[..1]).await
}

/// Waits until events tell of each of these pools.
async fn told(estate: &Estate<'_>, reason: &str, verb: &str, pools: &[String]) -> Result<()> {
    eventually(&format!("events {reason:?} of {pools:?}"), 2 * MINUTE, async || {
        let events = estate.events("web", reason, " Deployment").await?;
        ensure!(events.iter().all(|event| event.type_.as_deref() == Some("Normal")), "{events:?}");
        let said: Vec<String> = events.into_iter().filter_map(|event| event.message).collect();
        let tells = |pool: &String| said.iter().any(|said| said.starts_with(verb) && said.contains(pool.as_str()));
        Ok(pools.iter().all(tells).then_some(()))
    })
    .await
}
