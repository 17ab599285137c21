//! Watches that show the cluster as it was: whatever is decided, is decided on what is not true any more.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::fixture::SCENE_LABEL;

use super::bed::short_lived;
use super::kills::lonely;
use super::{LONG, WEB};

/// How far every watch is behind: longer than a pool takes to change, and than the next thing that a user does.
const BEHIND: &str = "lag-1500:*:watch";

#[tokio::test]
async fn what_is_long_past_makes_no_second_workload_and_deletes_none() -> Result<()> {
    let (bed, _turn) = lonely().await?;
    let service = bed.testbed.appset_controller(short_lived().env("DROVER_FAULTS", BEHIND)).await?;
    service.process.await_line("leading", LONG).await?;
    let scenario = bed.scenario("behind", 5).await?;
    let web = scenario.web();
    // Each comes before the last one can have been seen.
    for tag in ["v1", "v2", "v3"] {
        scenario.estate.apply(&web.clone().tag(tag)).await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    // A pool goes, and is back before anybody saw that it was gone.
    let flickering = scenario.pool(5);
    for label in [Value::Null, json!(scenario.estate.namespace)] {
        scenario.estate.label_pool(&flickering, &json!({SCENE_LABEL: label})).await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
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
    deployments.delete(&name, &kube::api::DeleteParams::background()).await?;
    scenario.estate.apply(&web.tag("v4")).await?;
    let is_another = |child: &Value| child["metadata"]["uid"].is_string() && child["metadata"]["uid"] != before[0];
    scenario.estate.await_child(WEB, &scenario.pool(1), "another workload", is_another).await?;
    scenario.estate.await_settled(WEB, 5).await?;
    scenario.stays_in("v4", 1..=5).await?;
    let verdict = scenario.finish().await?;
    ensure!(verdict.calls_of("delete deployments") == 0, "{verdict}");
    ensure!(service.process.exit().is_none());
    scenario.estate.delete(WEB).await?;
    service.process.kill9().await?;
    Ok(())
}
