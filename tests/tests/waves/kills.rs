//! Updaters that die in the middle of what only runs in waves do. A crash before or after any write changes nothing in the end.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use kube::ResourceExt as _;
use serde_json::json;
use tests::fixture::{Pace, Scene, Testbed, Updater, UpdaterSpec, eventually};
use xtask::daemonsets::Daemon;

use super::{LONG, decide, deploy, history, nodes_with, pools, run, set, wave};

/// Long enough to die in, on a machine that may stand still for seconds.
const SOAK: i64 = 10;

async fn bed() -> Result<Testbed> {
    Testbed::start(Pace::calm().short_lease()).await
}

#[tokio::test]
async fn killed_at_three_moments_a_run_keeps_its_waves_and_its_way_back() -> Result<()> {
    let bed = bed().await?;
    for (name, fault) in [
        ("asking", "kill-after:1:create/approvalrequests"),
        ("going-back", "kill-after:1:patch/daemonsets"),
        ("gone-back", "kill-after:4:create/fleetrollouts"),
    ] {
        ensure!(crash(&bed, name, fault).await?, "{fault} did not happen");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "a campaign of some 30 minutes: cargo xtask soak"]
async fn soak_a_crash_at_every_write_of_a_run_in_waves_changes_nothing_in_the_end() -> Result<()> {
    let bed = bed().await?;
    let mut crashes = 0;
    for when in ["before", "after"] {
        for write in 1.. {
            let fault = format!("kill-{when}:{write}");
            if !crash(&bed, &format!("{when}-{write}"), &fault).await? {
                eprintln!("no write number {write}: {} crashes {when} a write", write - 1);
                break;
            }
            crashes += 1;
        }
    }
    ensure!(crashes > 40, "only {crashes} crashes: the campaign says too little");
    Ok(())
}

#[tokio::test]
async fn killed_while_the_canary_soaks_it_soaks_no_less_and_is_not_restarted_again() -> Result<()> {
    let bed = bed().await?;
    let mut updater = bed.updater(UpdaterSpec::default()).await?;
    let scene = bed.scene("soaking", 6, 3).await?;
    let waves = json!([{"name": "canary", "pools": pools(&scene, [1]), "soakSeconds": SOAK}]);
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "waves": waves})).await?;
    agent.release("v2").await?;
    let soaking = scene.await_phase("agent", 2, Phase::Soaking, LONG).await?;
    updater.process.kill9().await?;
    assert_eq!(nodes_with(&agent, "v2").await?, set(&scene.nodes[..2]));
    updater = bed.updater(UpdaterSpec::default()).await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let succeeded = wave(&soaking, "canary")?.succeeded.context("the canary has succeeded")?;
    assert_eq!(wave(&status, "canary")?.succeeded, Some(succeeded), "it is remembered");
    let opened = wave(&status, "rest")?.opened.context("the rest has opened")?;
    assert!(opened.duration_since(succeeded).as_secs() >= SOAK, "{opened} is too soon after {succeeded}");
    let verdict = scene.finish_done().await?;
    assert_eq!((verdict.deletes, verdict.restarts.len()), (6, 6), "{verdict}");
    updater.process.kill9().await?;
    Ok(())
}

/// A release that needs approval, and a bad one that is taken back, by an updater that dies by `fault` and is started again;
/// whether it died.
async fn crash(bed: &Testbed, name: &str, fault: &str) -> Result<bool> {
    let mut life =
        Life { bed, updater: bed.updater(UpdaterSpec::default().env("DROVER_FAULTS", fault)).await?, died: false };
    let scene = bed.scene(name, 6, 3).await?;
    let story = story(&scene, &mut life).await;
    story.with_context(|| format!("after {fault}"))?;
    life.updater.process.kill9().await?;
    Ok(life.died)
}

/// Runs 1 and 2 complete, the second after an approval; run 3 fails in its canary and run 4 takes it back.
async fn story(scene: &Scene<'_>, life: &mut Life<'_>) -> Result<()> {
    let waves = json!([{"name": "canary", "pools": pools(scene, [1]), "approval": "AfterWave"}]);
    let strategy = json!({"maxUnavailable": "50%", "waves": waves, "failurePolicy": {"action": "Rollback"}});
    super::tell_strategy(scene, &strategy).await?;
    let fixture = scene.daemon_set("agent", "50%").annotation(api::names::STRATEGY, super::STRATEGY);
    let agent = scene.launch(&fixture).await?;
    life.until(scene, 1, Phase::Completed).await?;
    agent.release("v2").await?;
    life.until(scene, 2, Phase::Completed).await?;
    let before = others(scene, &agent).await?;
    agent.release("broken").await?;
    life.until(scene, 4, Phase::Completed).await?;
    life.until(scene, 3, Phase::RolledBack).await?;

    let (failed, back) = (run(scene, 3).await?, run(scene, 4).await?);
    assert_eq!(back.spec.rollback_of, Some(failed.spec.revision));
    assert!(failed.status.is_some_and(|status| status.halt.is_some()), "why it failed is known");
    assert_eq!(history(scene).await?.len(), 4);
    agent.await_ready("v2", 6, LONG).await?;
    assert_eq!(others(scene, &agent).await?, before, "nobody outside of the canary was touched");
    // It may still die by one of its last writes.
    scene.quiet().await?;
    life.revive().await?;
    let verdict = scene.finish_done().await?;
    // v2 everywhere, then one unit of the canary or both there and back.
    ensure!([8, 10].contains(&verdict.deletes), "{verdict}");
    ensure!(verdict.calls_of("patch daemonsets") == 1, "{verdict}");
    Ok(())
}

/// The pods outside of the canary.
async fn others(scene: &Scene<'_>, agent: &Daemon) -> Result<Vec<(String, String)>> {
    let canary = set(&scene.nodes[..2]);
    Ok(scene.uids(agent).await?.into_iter().filter(|(node, _)| !canary.contains(node)).collect())
}

/// An updater that is started again when it has died.
struct Life<'b> {
    bed: &'b Testbed,
    updater: Updater,
    died: bool,
}

impl Life<'_> {
    async fn revive(&mut self) -> Result<()> {
        if self.updater.process.exit().is_some() {
            self.died = true;
            self.updater = self.bed.updater(UpdaterSpec::default()).await?;
            self.updater.process.await_line("leading", LONG).await?;
        }
        Ok(())
    }

    /// Waits until the run of this revision is in this phase, saying yes to whatever is asked meanwhile.
    async fn until(&mut self, scene: &Scene<'_>, number: i64, phase: Phase) -> Result<()> {
        let api: kube::Api<api::approval_request::ApprovalRequest> =
            kube::Api::namespaced(scene.client.clone(), &scene.namespace);
        eventually(&format!("{phase:?} of r{number}"), LONG, async || {
            self.revive().await?;
            let asked = api.list(&kube::api::ListParams::default()).await.context("listing ApprovalRequests")?;
            for request in asked.items.iter().filter(|request| request.spec.decision.is_none()) {
                decide(scene, &request.name_any(), "Approved").await?;
            }
            let runs = scene.runs("agent").await?;
            let found = runs.iter().find(|run| run.spec.revision.number == number);
            let is_so = found.and_then(|run| run.status.as_ref()).is_some_and(|status| status.phase == phase);
            Ok(is_so.then_some(()))
        })
        .await
    }
}
