//! `RolloutService` for YurtAppSets in the hands of a user with grpcurl.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::{Value, json};
use tests::fixture::{Service, eventually};
use tokio::process::Command;

use super::bed::{scenario, shared};
use super::{LONG, MINUTE, WEB, waves};

const SERVICE: &str = "drover.rollout.v1.RolloutService";

/// grpcurl with these arguments before and after the address.
async fn run(service: &Service, token: Option<&str>, before: &[&str], after: &[&str]) -> Result<Output> {
    // It may have to be built first.
    let tool = tokio::task::spawn_blocking(xtask::tools::grpcurl).await??;
    let mut command = Command::new(tool);
    command.args(["-connect-timeout", "60", "-cacert"]).arg(service.authority_file());
    if let Some(token) = token {
        command.arg("-H").arg(format!("authorization: Bearer {token}"));
    }
    command.args(before).arg(service.addresses().await?.grpc).args(after).kill_on_drop(true);
    tokio::time::timeout(2 * MINUTE, command.output()).await.context("grpcurl hangs")?.context("starting grpcurl")
}

/// What is said to a caller with this token, or without.
async fn refusal(service: &Service, token: Option<&str>) -> Result<String> {
    let output = run(service, token, &[], &[&format!("{SERVICE}/List")]).await?;
    ensure!(!output.status.success(), "the list was given");
    Ok(String::from_utf8(output.stderr)?)
}

#[tokio::test]
async fn a_run_is_told_with_its_pools_and_only_to_who_may_ask() -> Result<()> {
    let (bed, service) = shared().await?;
    bed.testbed.cluster.service_account(api::rbac::NAMESPACE, "hub-ota-service").await?;
    let edge = bed.testbed.cluster.caller_token(api::rbac::NAMESPACE, "hub-ota-service").await?;
    ensure!(refusal(service, Some(&edge)).await?.contains("PermissionDenied"));
    ensure!(refusal(service, None).await?.contains("Unauthenticated"));

    let scenario = scenario("told", 3).await?;
    let first = json!([{"name": "first", "pools": scenario.pools([1]), "soakSeconds": 3_600}]);
    scenario.tell_strategy(&waves(&first)).await?;
    scenario.estate.apply(&scenario.web_in_waves()).await?;
    scenario.await_phase(1, Phase::Soaking).await?;
    let name = scenario.run(1).await?.metadata.name.context("a run without a name")?;
    let request = json!({"namespace": scenario.estate.namespace, "name": name}).to_string();
    let get = async || -> Result<Value> {
        let output = run(service, Some(service.admin_token()), &["-d", &request], &[&format!("{SERVICE}/Get")]).await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let soaks =
        |got: &Value| got["rollout"]["phase"] == "PHASE_SOAKING" && got["pools"][0]["upToDate"] == "UP_TO_DATE_YES";
    let got =
        eventually("the service to tell of the soak", LONG, async || Ok(Some(get().await?).filter(soaks))).await?;
    let (rollout, pools) = (&got["rollout"], got["pools"].as_array().context("no pools")?);
    assert_eq!((&rollout["target"]["kind"], &rollout["target"]["name"]), (&json!("YurtAppSet"), &json!(WEB)));
    assert_eq!((&rollout["upToDate"], &rollout["pools"]), (&json!("UP_TO_DATE_NO"), &json!(3)), "{got}");
    let told: Vec<_> = pools.iter().map(|pool| (pool["name"].clone(), pool["upToDate"].clone())).collect();
    let is = |number: u32, up_to_date: &str| (json!(scenario.pool(number)), json!(up_to_date));
    assert_eq!(told, [is(1, "UP_TO_DATE_YES"), is(2, "UP_TO_DATE_NO"), is(3, "UP_TO_DATE_NO")]);
    ensure!(pools[1]["holds"][0]["sentence"].as_str().is_some_and(|words| words.contains("first")), "{got}");
    scenario.finish().await.map(drop)
}
