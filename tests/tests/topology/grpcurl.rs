//! `TopologyService` in the hands of a user with grpcurl.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::fixture::eventually;
use tokio::process::Command;

use super::{Bed, LONG, READER, bed};

const SERVICE: &str = "drover.topology.v1.TopologyService";

async fn grpcurl(bed: &Bed, token: Option<&str>, before: &[&str], after: &[&str]) -> Result<String> {
    // It may have to be built first.
    let tool = tokio::task::spawn_blocking(xtask::tools::grpcurl).await??;
    let mut command = Command::new(tool);
    command.args(["-connect-timeout", "60", "-cacert"]).arg(bed.service.authority_file());
    if let Some(token) = token {
        command.arg("-H").arg(format!("authorization: Bearer {token}"));
    }
    command.args(before).arg(bed.service.addresses().await?.grpc).args(after).kill_on_drop(true);
    let output = tokio::time::timeout(LONG, command.output()).await.context("grpcurl hangs")??;
    ensure!(output.status.success(), "grpcurl {after:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn pools_are_described_and_read() -> Result<()> {
    let bed = bed().await?;
    let services = grpcurl(bed, None, &[], &["list"]).await?;
    ensure!(services.lines().any(|line| line == SERVICE), "{services}");
    let described = grpcurl(bed, None, &[], &["describe", SERVICE]).await?;
    for method in ["ListPools", "GetPool", "WatchPools", "WatchNodes"] {
        ensure!(described.contains(&format!("rpc {method} (")), "{method} is not in {described}");
    }

    bed.fleet("shown", 4, 1).await?;
    let token = bed.token(READER).await?;
    let get = async |name: &str| -> Result<Value> {
        let (request, method) = (json!({"name": name}).to_string(), format!("{SERVICE}/GetPool"));
        Ok(serde_json::from_str(&grpcurl(bed, Some(&token), &["-d", &request], &[&method]).await?)?)
    };
    let pool = eventually("the pool's nodes and leaders", LONG, async || {
        // Until its NodePool is seen there is none.
        let Ok(answer) = get("shown-pool-1").await else { return Ok(None) };
        let pool = answer["pool"].clone();
        Ok((pool["readyNodes"] == json!(4) && pool["leaders"].as_array().map(Vec::len) == Some(2)).then_some(pool))
    })
    .await?;
    assert_eq!((&pool["type"], &pool["labels"]), (&json!("POOL_TYPE_EDGE"), &json!({"scene": "shown"})), "{pool}");
    let refusal = get("none").await.expect_err("there is no such pool").to_string();
    ensure!(refusal.contains("NotFound") && refusal.contains("NodePool none"), "{refusal}");
    Ok(())
}
