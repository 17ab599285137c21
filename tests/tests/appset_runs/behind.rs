//! Watches that show the cluster as it was: whatever is decided, is decided on what is not true any more.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use api::names::app_set::{self as names, WorkloadKind};
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use tests::fixture::{SCENE_LABEL, Service, eventually};

use super::bed::{Bed, Lonely, Scenario, short_lived};
use super::{LONG, WEB, waves};

/// These take the longest of all: they begin first, as the name of the module does, and have a cluster to themselves.
static SLOWEST: Lonely = Lonely::new();

/// How far every watch is behind: longer than a pool takes to change, and than the next thing that a user does.
const BEHIND: &str = "lag-1500:*:watch";
const LAG: Duration = Duration::from_millis(1_500);

/// Each watch is behind by something else, so that no two of them show the same moment; and of each kind of write some have no
/// answer, though they are carried out.
const UNEVENLY: &str = "lag-1500:*:watch/fleetrollouts;lag-1200:*:watch/deployments;lag-900:*:watch/controllerrevisions;\
    lag-600:*:watch/nodepools;lag-300:*:watch/yurtappsets;\
    lose:1:create/controllerrevisions;lose:2:create/fleetrollouts;lose:3:patch/deployments;lose:6:patch/deployments;\
    lose:2:patch/fleetrollouts/status;lose:2:patch/yurtappsets/status";

/// Everything that a controller watches.
const WATCHES: [&str; 8] = [
    "approvalrequests",
    "controllerrevisions",
    "deployments",
    "fleetrollouts",
    "nodepools",
    "rolloutstrategies",
    "statefulsets",
    "yurtappsets",
];

#[tokio::test]
async fn what_is_long_past_makes_no_second_workload_and_deletes_none() -> Result<()> {
    let (bed, _turn) = SLOWEST.turn().await?;
    let service = behind(bed, BEHIND).await?;
    let scenario = bed.scenario("behind", 5).await?;
    let web = scenario.web();
    // Each comes before the last one can have been seen.
    for tag in ["v1", "v2", "v3"] {
        scenario.estate.apply(&web.clone().tag(tag)).await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    // A pool goes, for long enough to be looked at, and is back before anybody saw that it was gone.
    let (flickering, went) = (scenario.pool(5), Instant::now());
    scenario.estate.label_pool(&flickering, &json!({SCENE_LABEL: Value::Null})).await?;
    tokio::time::sleep(LAG / 3).await;
    scenario.estate.label_pool(&flickering, &json!({SCENE_LABEL: scenario.estate.namespace})).await?;
    let was_back_unseen = went.elapsed() < LAG;
    if !was_back_unseen {
        // On a machine that is so slow it may rightly lose its workload, and gets another.
        scenario.estate.quiet(3 * LAG).await?;
    }
    scenario.estate.await_settled(WEB, 5).await?;
    scenario.stays_in("v3", 1..=5).await?;
    let children = scenario.estate.children(WEB).await?;
    let uids = || children.values().map(|child| child["metadata"]["uid"].clone()).collect::<Vec<_>>();
    let before = uids();

    // Somebody deletes one by hand: it is made once, though its controller believes for long that it is there.
    let victim = &children[&scenario.pool(1)];
    let name = victim["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let deployments = scenario.estate.objects("apps/v1", "Deployment");
    deployments.delete(&name, &DeleteParams::background()).await?;
    scenario.estate.apply(&web.tag("v4")).await?;
    let is_another = |child: &Value| child["metadata"]["uid"].is_string() && child["metadata"]["uid"] != before[0];
    scenario.estate.await_child(WEB, &scenario.pool(1), "another workload", is_another).await?;
    scenario.estate.await_settled(WEB, 5).await?;
    scenario.stays_in("v4", 1..=5).await?;
    let verdict = scenario.finish().await?;
    ensure!(verdict.calls_of("delete deployments") <= usize::from(!was_back_unseen), "{verdict}");
    ensure!(service.process.exit().is_none());
    scenario.estate.delete(WEB).await?;
    service.process.kill9().await?;
    Ok(())
}

#[tokio::test]
async fn watches_that_show_different_moments_and_answers_that_are_lost_change_nothing_in_the_end() -> Result<()> {
    let (bed, _turn) = SLOWEST.turn().await?;
    play(bed, "unevenly", UNEVENLY, false).await
}

#[tokio::test]
async fn a_name_that_somebody_takes_at_the_last_moment_stays_theirs() -> Result<()> {
    let (bed, _turn) = SLOWEST.turn().await?;
    // The first one is the dry run.
    let service = behind(bed, "delay-700:2+:patch/deployments").await?;
    let scenario = bed.scenario("taken", 1).await?;
    scenario.estate.apply(&scenario.web()).await?;
    // Only what is there by now can have been seen by who makes the workload.
    eventually("its run", LONG, async || Ok((!scenario.runs().await?.is_empty()).then_some(()))).await?;
    let name = names::workload(WorkloadKind::Deployment, WEB, &scenario.pool(1));
    let labels = json!({"app": "theirs"});
    let containers = json!([{"name": "main", "image": "registry.local/theirs:v1"}]);
    let theirs = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}},
    });
    let deployments = scenario.estate.objects("apps/v1", "Deployment");
    match deployments.create(&PostParams::default(), &serde_json::from_value(theirs)?).await {
        Ok(_) => {
            let words = format!("there is a workload {name} already");
            scenario.estate.await_condition(WEB, "AppDispatched", "False", &[&words]).await?;
            let now = deployments.get(&name).await?;
            ensure!(now.data["spec"]["template"]["metadata"]["labels"] == labels, "{now:?}");
        }
        // On a machine that is so slow it was made before.
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        Err(error) => return Err(error.into()),
    }
    scenario.finish().await?;
    scenario.estate.delete(WEB).await?;
    service.process.kill9().await?;
    Ok(())
}

#[tokio::test]
#[ignore = "a campaign of some 5 minutes: cargo xtask soak"]
async fn soak_one_watch_behind_all_others_changes_nothing_in_the_end() -> Result<()> {
    let (bed, _turn) = SLOWEST.turn().await?;
    for watch in WATCHES {
        let faults = format!("lag-1500:*:watch/{watch}");
        play(bed, watch, &faults, watch == "statefulsets").await.context(faults)?;
    }
    Ok(())
}

async fn behind(bed: &Bed, faults: &str) -> Result<Service> {
    let service = bed.testbed.appset_controller(short_lived().env("DROVER_FAULTS", faults)).await?;
    service.process.await_line("leading", LONG).await?;
    Ok(service)
}

/// A YurtAppSet goes to a second revision and back, wave by wave, while one of its workloads is deleted and a pool goes and comes.
async fn play(bed: &Bed, name: &str, faults: &str, stateful: bool) -> Result<()> {
    let service = behind(bed, faults).await?;
    let scenario = bed.scenario(name, 4).await?;
    let canary = json!({"name": "canary", "pools": scenario.pools([1]), "soakSeconds": 36_000});
    scenario.tell_strategy(&waves(&json!([canary]))).await?;
    let web = scenario.web_in_waves();
    let web = if stateful { web.stateful() } else { web };
    for (number, tag) in (1..).zip(["v1", "v2", "v1"]) {
        scenario.estate.apply(&web.clone().tag(tag)).await?;
        scenario.await_phase(number, Phase::Soaking).await?;
        if tag == "v2" {
            disturb(&scenario).await?;
        }
        scenario.tell_run(&json!({"promotedThrough": "canary"})).await?;
        scenario.await_phase(number, Phase::Completed).await?;
    }
    scenario.estate.await_settled(WEB, 4).await?;
    scenario.stays_in("v1", 1..=4).await?;
    let verdict = scenario.finish().await?;
    ensure!(verdict.restarts.values().all(|count| *count <= 2), "there and back: {verdict}");
    ensure!(scenario.runs().await?.len() == 3, "a run for each time that a revision was asked for");
    ensure!(scenario.estate.revisions(WEB).await?.len() == 2, "a revision is made once");
    ensure!(service.process.exit().is_none(), "it died");
    scenario.estate.delete(WEB).await?;
    service.process.kill9().await?;
    Ok(())
}

/// Deletes a workload by hand, and lets a pool go until its workload is gone.
async fn disturb(scenario: &Scenario<'_>) -> Result<()> {
    let child = scenario.estate.child(WEB, &scenario.pool(2)).await?;
    let kind = child["kind"].as_str().unwrap_or_default();
    let name = child["metadata"]["name"].as_str().unwrap_or_default();
    scenario.estate.objects("apps/v1", kind).delete(name, &DeleteParams::background()).await?;
    let goes = scenario.pool(4);
    scenario.estate.label_pool(&goes, &json!({SCENE_LABEL: Value::Null})).await?;
    eventually("the end of its workload", LONG, async || {
        Ok((!scenario.estate.children(WEB).await?.contains_key(&goes)).then_some(()))
    })
    .await?;
    scenario.estate.label_pool(&goes, &json!({SCENE_LABEL: scenario.estate.namespace})).await
}
