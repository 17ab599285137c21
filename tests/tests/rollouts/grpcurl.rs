//! `RolloutService` in the hands of a user with grpcurl.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::{Deserializer, Value, json};
use tests::fixture::eventually;
use tokio::process::Command;

use super::{Bed, LONG, bed, deploy, pool};

const SERVICE: &str = "drover.rollout.v1.RolloutService";

/// grpcurl with these arguments before and after the address.
async fn run(bed: &Bed, token: Option<&str>, before: &[&str], after: &[&str]) -> Result<Output> {
    // It may have to be built first.
    let tool = tokio::task::spawn_blocking(xtask::tools::grpcurl).await??;
    let mut command = Command::new(tool);
    command.args(["-connect-timeout", "60", "-cacert"]).arg(bed.updater.authority_file());
    if let Some(token) = token {
        command.arg("-H").arg(format!("authorization: Bearer {token}"));
    }
    command.args(before).arg(bed.updater.addresses().await?.grpc).args(after).kill_on_drop(true);
    tokio::time::timeout(LONG, command.output()).await.context("grpcurl hangs")?.context("starting grpcurl")
}

async fn ask(bed: &Bed, before: &[&str], after: &[&str]) -> Result<String> {
    let output = run(bed, Some(bed.updater.admin_token()), before, after).await?;
    ensure!(output.status.success(), "grpcurl {after:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

async fn call(bed: &Bed, method: &str, request: Value) -> Result<Value> {
    let (request, method) = (request.to_string(), format!("{SERVICE}/{method}"));
    Ok(serde_json::from_str(&ask(bed, &["-d", &request], &[&method]).await?)?)
}

/// What is said to a caller with this token, or without.
async fn refusal(bed: &Bed, token: Option<&str>) -> Result<String> {
    let output = run(bed, token, &[], &[&format!("{SERVICE}/List")]).await?;
    ensure!(!output.status.success(), "the list was given");
    Ok(String::from_utf8(output.stderr)?)
}

#[tokio::test]
async fn the_service_is_described_and_open_to_few() -> Result<()> {
    let bed = bed().await?;
    let described = ask(bed, &[], &["describe", SERVICE]).await?;
    for method in ["Get", "List", "Watch"] {
        ensure!(described.contains(&format!("rpc {method} (")), "{method} is not in {described}");
    }
    let account = api::rbac::NAMESPACE;
    bed.testbed.cluster.service_account(account, "hub-ota-service").await?;
    let edge = bed.testbed.cluster.caller_token(account, "hub-ota-service").await?;
    let refused = refusal(bed, Some(&edge)).await?;
    ensure!(refused.contains("PermissionDenied") && refused.contains("drover-admin"), "{refused}");
    ensure!(refusal(bed, None).await?.contains("Unauthenticated"));
    Ok(())
}

#[tokio::test]
async fn runs_are_listed_read_and_watched_with_their_pools() -> Result<()> {
    let bed = bed().await?;
    let scene = bed.testbed.scene("shown", 6, 2).await?;
    let waves = json!([{"name": "first", "pools": [pool(&scene, 1)], "soakSeconds": 3_600}]);
    let agent = deploy(&scene, "agent", json!({"maxUnavailable": "50%", "waves": waves})).await?;
    agent.release("v2").await?;
    let soaking = scene.await_phase("agent", 2, Phase::Soaking, LONG).await?;
    let name = scene.runs("agent").await?.pop().and_then(|run| run.metadata.name).context("no run")?;

    let get = async || call(bed, "Get", json!({"namespace": scene.namespace, "name": name})).await;
    let got = eventually("the service to tell of the soak", LONG, async || {
        Ok(Some(get().await?).filter(|got| got["rollout"]["phase"] == json!("PHASE_SOAKING")))
    })
    .await?;
    let (rollout, pools) = (&got["rollout"], got["pools"].as_array().context("no pools")?);
    assert_eq!(rollout["units"]["settled"], json!(soaking.units.settled));
    assert_eq!((&rollout["upToDate"], &rollout["pools"]), (&json!("UP_TO_DATE_NO"), &json!(2)), "{got}");
    assert_eq!(rollout["hold"]["kind"], json!("Soak"), "{got}");
    let up_to_date: Vec<_> = pools.iter().map(|pool| (&pool["name"], &pool["upToDate"])).collect();
    let (first, second) = (json!(pool(&scene, 1)), json!(pool(&scene, 2)));
    assert_eq!(up_to_date, [(&first, &json!("UP_TO_DATE_YES")), (&second, &json!("UP_TO_DATE_NO"))]);
    ensure!(pools[1]["holds"][0]["sentence"].as_str().is_some_and(|words| !words.is_empty()), "{got}");

    let selector = json!({"targets": [{"namespace": scene.namespace, "kind": "DaemonSet", "name": "agent"}]});
    let listed = call(bed, "List", json!({ "selector": selector })).await?;
    assert_eq!(listed["rollouts"].as_array().map(Vec::len), Some(2), "this run and the one before: {listed}");

    // A watch tells everything, and then that nothing changed; it is cut off by its caller's deadline.
    let request = json!({"selector": selector, "pools": true}).to_string();
    let method = format!("{SERVICE}/Watch");
    let token = bed.updater.admin_token();
    let messages = eventually("a watch that is told everything in time", LONG, async || {
        let output = run(bed, Some(token), &["-max-time", "5", "-d", &request], &[&method]).await?;
        let messages: Vec<Value> = Deserializer::from_slice(&output.stdout).into_iter().collect::<Result<_, _>>()?;
        let of = |field: &str| messages.iter().filter_map(|told| told[field].as_array()).map(Vec::len).sum::<usize>();
        // Those 5 s are the whole call's, its beginning among them.
        Ok((of("rollouts") >= 2 && of("pools") >= 2).then_some(messages))
    })
    .await?;
    let last = messages.last().context("no message")?;
    ensure!(last["mark"]["synced"] == json!(true) && last["mark"]["resumeToken"].is_string(), "{last}");
    scene.finish_open().map(drop)
}
