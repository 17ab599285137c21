//! Releases that fail: in one pool, in the canary, and what is taken back.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names::{app_set as names, reason};
use serde_json::{Value, json};
use tests::fixture::{AppSet, Pods};

use super::bed::scenario;
use super::run::states;
use super::{WEB, waves};

/// After so many seconds Kubernetes says that a workload gets nowhere.
const NOWHERE: u32 = 3;

/// A release that nowhere becomes ready, and is known to soon.
fn broken(web: &AppSet) -> AppSet {
    web.clone().tag("broken").template("/spec/progressDeadlineSeconds", json!(NOWHERE))
}

/// A release that is good but in one pool.
fn broken_in(web: AppSet, pool: &str) -> AppSet {
    let image = AppSet::image_of(WEB, "broken");
    let soon = json!({"path": "/spec/progressDeadlineSeconds", "operation": "add", "value": NOWHERE});
    let tweaks = json!({"containerImages": [{"name": "main", "targetImage": image}], "patches": [soon]});
    web.tweak(json!({"pools": [pool], "tweaks": tweaks}))
}

fn set(pools: Vec<String>) -> BTreeSet<String> {
    pools.into_iter().collect()
}

#[tokio::test]
async fn two_pools_upgrade_while_one_fails_and_later_waves_wait_and_name_it() -> Result<()> {
    let scenario = scenario("one-fails", 5).await?;
    let first = json!([{"name": "first", "pools": scenario.pools(1..=3)}]);
    scenario.tell_strategy(&json!({"waves": first, "failurePolicy": {"maxFailures": 0}})).await?;
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let before = scenario.estate.pods(WEB).await?;

    let failing = scenario.pool(2);
    scenario.estate.apply(&broken_in(web.clone().tag("v2"), &failing)).await?;
    for number in [1, 3] {
        let image = json!(AppSet::image_of(WEB, "v2"));
        let is_new = |child: &Value| {
            let has = child.pointer("/spec/template/spec/containers/0/image") == Some(&image);
            has && child["status"]["updatedReplicas"] == 1 && child["status"]["unavailableReplicas"].is_null()
        };
        scenario.estate.await_child(WEB, &scenario.pool(number), "the new revision", is_new).await?;
    }
    scenario.await_phase(2, Phase::Halted).await?;
    let sentence = scenario.await_attention(2, &scenario.pool(4), &[&failing]).await?;
    ensure!(sentence.contains("hold"), "{sentence}");
    scenario.stays_in("v1", [4, 5]).await?;
    let now = scenario.estate.pods(WEB).await?;
    ensure!(of(&before, &scenario.pools(4..=5)) == of(&now, &scenario.pools(4..=5)), "the later wave was touched");

    // A fixed release goes everywhere.
    scenario.estate.apply(&web.tag("v3")).await?;
    scenario.await_phase(3, Phase::Completed).await?;
    scenario.estate.await_settled(WEB, 5).await?;
    scenario.finish().await.map(drop)
}

#[tokio::test]
async fn a_canary_that_fails_halts_and_goes_on_when_its_user_says_so() -> Result<()> {
    let scenario = scenario("bad-canary", 4).await?;
    scenario.tell_strategy(&waves(&json!([{"name": "canary", "pools": scenario.pools([1])}]))).await?;
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let before = scenario.estate.pods(WEB).await?;
    scenario.estate.apply(&broken(&web)).await?;
    let halted = scenario.await_phase(2, Phase::Halted).await?;
    assert_halted_in_canary(&halted)?;
    scenario.estate.await_event(WEB, reason::HALTED, "").await?;
    scenario.stays_in("v1", 2..=4).await?;
    let others = scenario.pools(2..=4);
    ensure!(of(&before, &others) == of(&scenario.estate.pods(WEB).await?, &others), "others were touched");

    // What was halted stays so until it is told with the token of this halt.
    scenario.tell_run(&json!({"resumeToken": "another"})).await?;
    scenario.stays_in("v1", 2..=4).await?;
    let token = halted.halt.context("a halt without its reason")?.token;
    scenario.tell_run(&json!({"resumeToken": token})).await?;
    scenario.estate.await_event(WEB, reason::RESUMED, "").await?;
    scenario.estate.apply(&web.tag("v3")).await?;
    scenario.await_phase(3, Phase::Completed).await?;
    scenario.estate.await_settled(WEB, 4).await?;
    scenario.finish().await.map(drop)
}

#[tokio::test]
async fn a_failed_release_is_taken_back_in_the_pools_that_it_touched() -> Result<()> {
    let scenario = scenario("taken-back", 5).await?;
    let canary = json!([{"name": "canary", "pools": scenario.pools(1..=2)}]);
    scenario.tell_strategy(&json!({"waves": canary, "failurePolicy": {"action": "Rollback"}})).await?;
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let web = web.tag("v2");
    scenario.estate.apply(&web).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    let before = scenario.estate.pods(WEB).await?;
    let good = scenario.run(2).await?.spec.revision.name;

    let bad = broken(&web);
    scenario.estate.apply(&bad).await?;
    let back = scenario.await_phase(3, Phase::RolledBack).await?;
    assert_halted_in_canary(&back)?;
    for pool in scenario.pools(1..=5) {
        let is_good = |child: &Value| child["metadata"]["labels"][names::REVISION] == good.as_str();
        scenario.estate.await_child(WEB, &pool, "the last good revision", is_good).await?;
    }
    scenario.stays_in("v2", 1..=5).await?;
    let others = scenario.pools(3..=5);
    ensure!(of(&before, &others) == of(&scenario.estate.pods(WEB).await?, &others), "others were touched");
    // What the user asked for stays, and so does the answer.
    let set = scenario.estate.read(WEB).await?;
    ensure!(set.pointer("/spec/workload") == bad.object().pointer("/spec/workload"), "the spec is the user's");
    scenario.estate.await_event(WEB, reason::ROLLED_BACK, "").await?;
    scenario.finish().await?;
    ensure!(scenario.run(3).await?.status.is_some_and(|status| status.phase == Phase::RolledBack));
    ensure!(scenario.runs().await?.len() == 3, "a rollback is no run of its own");

    scenario.estate.apply(&web.tag("v4")).await?;
    scenario.await_phase(4, Phase::Completed).await?;
    scenario.estate.await_settled(WEB, 5).await?;
    scenario.finish().await.map(drop)
}

/// The pods of these pools.
fn of(pods: &Pods, pools: &[String]) -> Pods {
    let pools = set(pools.to_vec());
    pods.iter().filter(|(pool, _)| pools.contains(*pool)).map(|(pool, uids)| (pool.clone(), uids.clone())).collect()
}

fn assert_halted_in_canary(status: &FleetRolloutStatus) -> Result<()> {
    let halt = status.halt.as_ref().context("a halted run without its reason")?;
    ensure!(matches!(halt.reason.as_str(), "Failures" | "NoSlotLeft"), "{halt:?}");
    let expected = [("canary", "Open"), ("rest", "Waiting")];
    assert_eq!(states(status), expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
    Ok(())
}
