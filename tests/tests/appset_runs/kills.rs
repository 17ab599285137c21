//! Controllers that die. A crash before or after any write changes nothing in the end: one workload a pool, the state that the
//! YurtAppSet asks for, and no pod restarted twice. Each has a cluster without any other controller.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::json;
use tests::fixture::{AppSet, Service, eventually};

use super::bed::{Bed, Lonely, Scenario, short_lived};
use super::{LONG, WEB, waves};

/// The cluster of those whose controllers die.
pub(crate) static MORTAL: Lonely = Lonely::new();

#[tokio::test]
async fn killed_at_four_moments_it_goes_on_where_it_was() -> Result<()> {
    let (bed, _turn) = MORTAL.turn().await?;
    // Each of these comes in its life for sure: the first revision is being made, then shown; the second is recorded, then given.
    let faults = [
        "kill-after:2:patch/deployments",
        "kill-before:1:patch/fleetrollouts/status",
        "kill-after:1:create/controllerrevisions",
        "kill-before:2:patch/deployments",
    ];
    let deaths = crash(bed, "killed", &faults, false).await?;
    ensure!(deaths == faults.len(), "it died {deaths} times of {faults:?}");
    Ok(())
}

#[tokio::test]
#[ignore = "a campaign of some 15 minutes: cargo xtask soak"]
async fn soak_a_crash_before_any_write_changes_nothing_in_the_end() -> Result<()> {
    at_every_write("before").await
}

#[tokio::test]
#[ignore = "a campaign of some 15 minutes: cargo xtask soak"]
async fn soak_a_crash_after_any_write_changes_nothing_in_the_end() -> Result<()> {
    at_every_write("after").await
}

async fn at_every_write(when: &str) -> Result<()> {
    let (bed, _turn) = MORTAL.turn().await?;
    let mut write = 1;
    while crash(bed, &format!("{when}-{write}"), &[&format!("kill-{when}:{write}")], true).await? > 0 {
        write += 1;
    }
    ensure!(write > 20, "no write number {write}: the campaign says too little");
    Ok(())
}

/// A YurtAppSet whose controller dies by the first of `faults`, is started again and dies by the next; how often it died. With
/// `whole`, a pool goes as well: a new controller waits a minute before it deletes anything.
async fn crash(bed: &Bed, name: &str, faults: &[&str], whole: bool) -> Result<usize> {
    let scenario = bed.scenario(name, 3).await?;
    let service = start(bed, faults.first().copied()).await?;
    let mut life = Life { bed, service, faults, deaths: 0 };
    let story = story(&scenario, &mut life, whole).await;
    story.with_context(|| format!("after {} of {faults:?}", life.deaths))?;
    life.service.process.kill9().await?;
    Ok(life.deaths)
}

async fn start(bed: &Bed, fault: Option<&str>) -> Result<Service> {
    let spec = fault.into_iter().fold(short_lived(), |spec, fault| spec.env("DROVER_FAULTS", fault));
    bed.testbed.appset_controller(spec).await
}

/// Two revisions in waves, then one pool less.
async fn story(scenario: &Scenario<'_>, life: &mut Life<'_>, whole: bool) -> Result<()> {
    let strategy = waves(&json!([{"name": "canary", "pools": scenario.pools([2]), "maxConcurrentPools": 1}]));
    scenario.tell_strategy(&strategy).await?;
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web).await?;
    life.until_in(scenario, "v1", 1..=3).await?;
    life.until_completed(scenario, 1).await?;
    let web = web.tag("v2");
    scenario.estate.apply(&web).await?;
    life.until_in(scenario, "v2", 1..=3).await?;
    life.until_completed(scenario, 2).await?;
    // The audit log says of a write whose sender dies meanwhile that it failed, also where it did not.
    for (pool, child) in scenario.estate.children(WEB).await? {
        ensure!(child["metadata"]["generation"] == 2, "{pool} was made and upgraded once: {child}");
    }
    let mut pools = 3;
    if whole {
        let (first, second) = (scenario.pool(1), scenario.pool(2));
        let fewer = AppSet::in_pools(web, &[first.as_str(), second.as_str()]);
        scenario.estate.apply(&fewer.set("/spec/nodepoolSelector", serde_json::Value::Null)).await?;
        pools = 2;
        life.until_in(scenario, "v2", 1..=2).await?;
    }
    scenario.estate.quiet(std::time::Duration::from_secs(1)).await?;
    // It may still die by one of its last writes.
    life.revive().await?;
    life.until_settled(scenario, pools).await?;
    scenario.finish().await?;
    ensure!(scenario.runs().await?.len() == 2, "a run for each revision");
    ensure!(scenario.estate.revisions(WEB).await?.len() == 2, "a revision is made once");
    scenario.estate.delete(WEB).await
}

/// A controller that is started again when it has died.
struct Life<'b> {
    bed: &'b Bed,
    service: Service,
    /// What each of its lives ends by, as far as one does.
    faults: &'b [&'b str],
    deaths: usize,
}

impl Life<'_> {
    async fn revive(&mut self) -> Result<()> {
        if self.service.process.exit().is_some() {
            self.deaths += 1;
            self.service = start(self.bed, self.faults.get(self.deaths).copied()).await?;
        }
        Ok(())
    }

    /// Waits until exactly these pools have a workload of this tag.
    async fn until_in(
        &mut self,
        scenario: &Scenario<'_>,
        tag: &str,
        pools: std::ops::RangeInclusive<u32>,
    ) -> Result<()> {
        let wanted: BTreeSet<String> = scenario.pools(pools).into_iter().collect();
        eventually(&format!("{tag} in {wanted:?}"), LONG, async || {
            self.revive().await?;
            let all: BTreeSet<String> = scenario.estate.children(WEB).await?.into_keys().collect();
            Ok((scenario.pools_with(tag).await? == wanted && all == wanted).then_some(()))
        })
        .await
    }

    /// Waits until the status says that all is done.
    async fn until_settled(&mut self, scenario: &Scenario<'_>, pools: usize) -> Result<()> {
        eventually("a status that says that all is done", LONG, async || {
            self.revive().await?;
            let set = scenario.estate.read(WEB).await?;
            let full = |count: &str| set["status"][count] == pools;
            Ok(["totalWorkloads", "readyWorkloads", "updatedWorkloads"].into_iter().all(full).then_some(()))
        })
        .await
    }

    /// Waits until the run of a revision has completed.
    async fn until_completed(&mut self, scenario: &Scenario<'_>, number: i64) -> Result<()> {
        eventually(&format!("the end of r{number}"), LONG, async || {
            self.revive().await?;
            let runs = scenario.runs().await?;
            let of_it = runs.into_iter().find(|run| run.spec.revision.number == number);
            let phase = of_it.and_then(|run| run.status).map(|status| status.phase);
            Ok((phase == Some(Phase::Completed)).then_some(()))
        })
        .await
    }
}
