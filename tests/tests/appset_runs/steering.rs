//! What a user does with a run on its way: pause, resume, promote, abort, and go back.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::json;
use tokio::process::Command;

use super::bed::{Scenario, scenario};
use super::run::{states, wave};
use super::{MINUTE, WEB, waves};

/// Longer than any test.
const FOREVER: u32 = 36_000;

#[tokio::test]
async fn paused_promoted_resumed_and_aborted() -> Result<()> {
    let scenario = scenario("steered", 4).await?;
    let web = scenario.web();
    scenario.estate.deploy(&web, 4).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let canary = json!({"name": "canary", "pools": scenario.pools([1]), "soakSeconds": FOREVER});
    let second = json!({"name": "second", "pools": scenario.pools([2]), "soakSeconds": FOREVER});
    scenario.tell_strategy(&waves(&json!([canary, second]))).await?;
    let web = scenario.web_in_waves().tag("v2");
    scenario.estate.apply(&web).await?;
    scenario.await_phase(2, Phase::Soaking).await?;
    scenario.tell_run(&json!({"desiredState": "Paused"})).await?;
    scenario.await_phase(2, Phase::Paused).await?;
    scenario.tell_run(&json!({"promotedThrough": "canary"})).await?;
    scenario.stays_in("v2", [1]).await?;
    scenario.tell_run(&json!({"desiredState": "Running"})).await?;
    let in_second = scenario
        .await_status(2, "the second wave's soak", |status| {
            status.phase == Phase::Soaking && status.wave.as_deref() == Some("second")
        })
        .await?;
    ensure!(wave(&in_second, "canary")?.succeeded.is_some(), "{in_second:?}");
    scenario.stays_in("v2", 1..=2).await?;
    scenario.tell_run(&json!({"desiredState": "Aborted"})).await?;
    scenario.await_phase(2, Phase::Aborted).await?;
    scenario.tell_run(&json!({"promotedThrough": "second"})).await?;
    scenario.stays_in("v2", 1..=2).await?;

    // The next revision is not bound by what this one was told.
    scenario.tell_strategy(&waves(&json!([{"name": "canary", "pools": scenario.pools([1])}]))).await?;
    scenario.estate.apply(&web.tag("v3")).await?;
    let status = scenario.await_phase(3, Phase::Completed).await?;
    let done = ["canary", "rest"].map(|name| (name.to_owned(), "Succeeded".to_owned()));
    assert_eq!(states(&status), done);
    scenario.estate.await_settled(WEB, 4).await?;
    scenario.finish().await.map(drop)
}

#[tokio::test]
async fn a_run_that_starts_paused_starts_when_it_is_told_to() -> Result<()> {
    let scenario = scenario("starts-paused", 3).await?;
    let web = scenario.web();
    scenario.estate.deploy(&web, 3).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.tell_strategy(&json!({"startPaused": true})).await?;
    scenario.estate.apply(&scenario.web_in_waves().tag("v2")).await?;
    scenario.await_phase(2, Phase::Paused).await?;
    scenario.stays_in("v2", []).await?;
    scenario.tell_run(&json!({"desiredState": "Running"})).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    scenario.estate.await_settled(WEB, 3).await?;
    scenario.finish().await.map(drop)
}

#[tokio::test]
async fn drover_goes_back_to_the_revision_that_it_is_told() -> Result<()> {
    let scenario = scenario("rolled-back", 3).await?;
    let web = scenario.web();
    for (number, tag) in [(1, "v1"), (2, "v2"), (3, "v3")] {
        scenario.estate.apply(&web.clone().tag(tag)).await?;
        scenario.await_phase(number, Phase::Completed).await?;
    }
    let first = scenario.run(1).await?.spec.revision.name;
    drover(&scenario, &["rollback", "yas/web", "--to-revision", "1"]).await?;
    scenario.await_phase(4, Phase::Completed).await?;
    scenario.stays_in("v1", 1..=3).await?;
    ensure!(scenario.run(4).await?.spec.revision.name == first, "an older revision with a new number");
    ensure!(scenario.estate.revisions(WEB).await?.len() == 3, "no revision was made");
    scenario.estate.await_settled(WEB, 3).await?;
    scenario.finish().await.map(drop)
}

/// `drover` with these arguments, as the cluster's administrator.
async fn drover(scenario: &Scenario<'_>, args: &[&str]) -> Result<String> {
    let xtask = std::env::var_os("DROVER_XTASK").map(std::path::PathBuf::from);
    let folder = xtask.and_then(|xtask| xtask.parent().map(std::path::Path::to_owned));
    let folder = folder.unwrap_or_else(|| xtask::paths::workspace().join("target/debug"));
    let mut command = Command::new(folder.join("drover"));
    command.args(args).args(["--namespace", &scenario.estate.namespace]);
    command.arg("--kubeconfig").arg(scenario.bed.testbed.cluster.kubeconfig()).kill_on_drop(true);
    let output =
        tokio::time::timeout(MINUTE, command.output()).await.context("drover hangs")?.context("starting drover")?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "drover {args:?}: {out}{err}");
    Ok(out.into_owned())
}
