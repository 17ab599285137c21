//! The gRPC interfaces in the hands of a user with grpcurl.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::fixture::{Updater, eventually};
use tokio::process::Command;

use super::{LONG, only_one_sets_workers, served};

const ADMIN: &str = "drover.admin.v1.AdminService";

struct Grpcurl {
    address: String,
    /// Whom to trust, and who calls.
    credentials: [String; 4],
}

impl Grpcurl {
    async fn of(updater: &Updater) -> Result<Self> {
        let authority = updater.authority_file().display().to_string();
        let bearer = format!("authorization: Bearer {}", updater.admin_token());
        let credentials = ["-cacert".to_owned(), authority, "-H".to_owned(), bearer];
        Ok(Self { address: updater.addresses().await?.grpc, credentials })
    }

    async fn run(&self, before: &[&str], after: &[&str]) -> Result<Output> {
        // It may have to be built first.
        let tool = tokio::task::spawn_blocking(xtask::tools::grpcurl).await??;
        let mut command = Command::new(tool);
        command
            .args(["-connect-timeout", "60"])
            .args(&self.credentials)
            .args(before)
            .arg(&self.address)
            .args(after)
            .kill_on_drop(true);
        tokio::time::timeout(LONG, command.output()).await.context("grpcurl hangs")?.context("starting grpcurl")
    }

    async fn ask(&self, words: &[&str]) -> Result<String> {
        let output = self.run(&[], words).await?;
        ensure!(output.status.success(), "grpcurl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    async fn call(&self, method: &str, request: Value) -> Result<Value> {
        let method = format!("{ADMIN}/{method}");
        let output = self.run(&["-d", &request.to_string()], &[&method]).await?;
        ensure!(output.status.success(), "{method}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// What it says to a call that fails.
    async fn refusal(&self, method: &str, request: Value) -> Result<String> {
        let method = format!("{ADMIN}/{method}");
        let output = self.run(&["-d", &request.to_string()], &[&method]).await?;
        ensure!(!output.status.success(), "{method} accepts {request}");
        Ok(String::from_utf8(output.stderr)?)
    }
}

#[tokio::test]
async fn services_are_listed_and_described() -> Result<()> {
    let grpcurl = Grpcurl::of(&served().await?.1).await?;
    let services = grpcurl.ask(&["list"]).await?;
    for service in [ADMIN, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
        assert!(services.lines().any(|line| line == service), "{service} is not among {services}");
    }
    let described = grpcurl.ask(&["describe", ADMIN]).await?;
    for method in ["GetInfo", "GetConfig", "GetWorkers", "SetWorkers", "GetLogFilter", "SetLogFilter", "Dump"] {
        assert!(described.contains(&format!("rpc {method} (")), "{method} is not in {described}");
    }
    let message = grpcurl.ask(&["describe", ".drover.admin.v1.WorkerSetting"]).await?;
    assert!(message.contains("uint32 fixed = 1;") && message.contains("auto = 2;"), "{message}");
    let health = grpcurl.ask(&["grpc.health.v1.Health/Check"]).await?;
    assert!(health.contains("SERVING") && !health.contains("NOT_SERVING"), "{health}");
    Ok(())
}

#[tokio::test]
async fn the_process_shows_itself() -> Result<()> {
    let (_, updater) = served().await?;
    let grpcurl = Grpcurl::of(updater).await?;
    // It lists everything anew when it begins to lead, some time after it was ready at first.
    let info = eventually("a process that is ready", LONG, async || {
        Ok(Some(grpcurl.call("GetInfo", json!({})).await?).filter(|info| info["ready"] == json!(true)))
    })
    .await?;
    assert_eq!(info["service"], json!("daemon-updater"), "{info}");
    assert_eq!(info["pid"], json!(updater.process.pid()), "{info}");
    let config = grpcurl.call("GetConfig", json!({})).await?;
    let toml = config["toml"].as_str().context("no configuration")?;
    assert!(toml.contains("[timing]") && toml.contains("reachable_after = \"1s\""), "{toml}");

    eventually("a mirror of everything", LONG, async || {
        let dump = grpcurl.call("Dump", json!({})).await?;
        let sections = dump["sections"].as_array().context("no sections")?;
        let names: Vec<_> = sections.iter().filter_map(|section| section["name"].as_str()).collect();
        assert_eq!(names, ["lease", "mirror", "reports", "rollout_service"]);
        let mirror = sections[1]["json"].as_str().context("a section without content")?;
        let mirror: Value = serde_json::from_str(mirror)?;
        Ok((mirror["listed"] == json!(true)).then_some(()))
    })
    .await?;
    let refusal = grpcurl.refusal("Dump", json!({"sections": ["secrets"]})).await?;
    assert!(
        refusal.contains("InvalidArgument") && refusal.contains("lease, mirror, reports, rollout_service"),
        "{refusal}"
    );
    Ok(())
}

#[tokio::test]
async fn workers_are_changed_within_their_range() -> Result<()> {
    let (_, updater) = served().await?;
    let grpcurl = Grpcurl::of(updater).await?;
    let _turn = only_one_sets_workers().await;
    super::admin::Admin::of(updater).await?.await_leading().await?;
    let workers = async || Ok::<_, anyhow::Error>(grpcurl.call("GetWorkers", json!({})).await?["workers"].clone());
    let before = workers().await?;
    assert_eq!((&before["setting"], &before["active"]), (&json!({"fixed": 3}), &json!(3)), "{before}");

    let set = grpcurl.call("SetWorkers", json!({"setting": {"fixed": 7}})).await?;
    assert_eq!(set["workers"]["active"], json!(7), "{set}");
    assert_eq!(workers().await?["setting"], json!({"fixed": 7}));
    for bad in [0, 257, u32::MAX] {
        let refusal = grpcurl.refusal("SetWorkers", json!({"setting": {"fixed": bad}})).await?;
        for word in ["InvalidArgument", &bad.to_string(), "1 to 256"] {
            assert!(refusal.contains(word), "{refusal} names {word}");
        }
    }
    let refusal = grpcurl.refusal("SetWorkers", json!({})).await?;
    assert!(refusal.contains("InvalidArgument"), "{refusal}");
    assert_eq!(workers().await?["setting"], json!({"fixed": 7}), "a refusal changes nothing");

    let set = grpcurl.call("SetWorkers", json!({"setting": {"auto": {}}})).await?;
    assert_eq!(set["workers"]["setting"], json!({"auto": {}}), "{set}");
    grpcurl.call("SetWorkers", json!({"setting": {"fixed": 3}})).await.map(drop)
}
