//! `drover plan`: what a change would do; nothing is changed.

use anyhow::{Context as _, Result};
use api::names;
use serde_json::{Value, json};

use super::scene;
use super::user::says;

#[tokio::test]
async fn a_change_is_planned_and_nothing_happens() -> Result<()> {
    let (scene, admin) = scene("planned", 9, 3).await?;
    scene.deploy("agent", "30%").await?;
    let plan = admin.asks(&["plan", "ds/agent"]).await?;
    let words = [
        "would restart the pods of 9 nodes in 3 pools, in 1 wave",
        "no strategy",
        "3 of 9 reachable nodes",
        "First 3 restarts: ",
    ];
    says(&plan, &words)?;

    let folder = scene.bed.cluster.scratch()?;
    let strategy = folder.join("planned-strategy.yaml");
    let pools = [format!("{}-pool-2", scene.namespace)];
    let spec = json!({
        "maxUnavailable": 2,
        "waves": [{"name": "canary", "pools": pools, "soakSeconds": 600, "approval": "AfterWave"}],
    });
    std::fs::write(&strategy, spec.to_string()).context("writing a strategy")?;
    let strategy = strategy.display().to_string();
    let plan = admin.asks(&["plan", "agent", "--strategy", &strategy]).await?;
    let words = [
        "in 2 waves",
        "1. canary  3 nodes in 1 pool",
        "is watched for 10 min",
        "waits for approval to go on",
        "2. rest  6 nodes in 2 pools",
        "First 2 restarts: ",
        "it waits for wave \"canary\"",
    ];
    says(&plan, &words)?;

    let file = folder.join("planned-agent.yaml");
    let kubectl = ["--namespace", &scene.namespace, "get", "daemonset", "agent", "-o", "json"];
    let mut object: Value = serde_json::from_str(&scene.bed.cluster.kubectl(&kubectl).await?)?;
    let write = |object: &Value| std::fs::write(&file, object.to_string()).context("writing a DaemonSet");
    object["metadata"] =
        json!({"name": "agent", "namespace": scene.namespace, "annotations": object["metadata"]["annotations"]});
    write(&object)?;
    let path = file.display().to_string();
    says(&admin.is_refused(&["plan", "-f", &path]).await?, &["the template is the same as that of ds/agent"])?;
    object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.local/agent:v2");
    object["metadata"]["annotations"][names::MAX_UNAVAILABLE] = json!("1");
    write(&object)?;
    says(
        &admin.asks(&["plan", "-f", &path]).await?,
        &["The changed template would restart the pods of 9 nodes", "1 of 9 reachable nodes"],
    )?;
    object["metadata"]["name"] = json!("other");
    write(&object)?;
    says(&admin.asks(&["plan", "-f", &path]).await?, &["ds/other is new in planned", "9 nodes"])?;
    std::fs::write(&file, "kind: Deployment\napiVersion: apps/v1\n").context("writing a Deployment")?;
    says(&admin.is_refused(&["plan", "-f", &path]).await?, &["is a Deployment of apps/v1, neither a DaemonSet"])?;

    scene.no_more_deletes(super::A_WHILE).await?;
    let verdict = scene.finish_done().await?;
    anyhow::ensure!(verdict.deletes == 0, "a plan changes nothing: {verdict}");
    Ok(())
}
