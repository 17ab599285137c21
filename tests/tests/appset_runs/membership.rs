//! Pools that are away, come and go while a run passes.

use anyhow::{Result, ensure};
use api::fleet_rollout::Phase;
use serde_json::{Value, json};
use tests::fixture::SCENE_LABEL;

use super::bed::scenario;
use super::{WEB, waves};

#[tokio::test]
async fn a_pool_that_is_offline_is_held_out_and_caught_up() -> Result<()> {
    let scenario = scenario("away", 4).await?;
    scenario.tell_strategy(&waves(&json!([{"name": "canary", "pools": scenario.pools([1])}]))).await?;
    for pool in scenario.pools(1..=4) {
        scenario.estate.count_nodes(&pool, 1, 0).await?;
    }
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let away = scenario.pool(3);
    scenario.estate.count_nodes(&away, 0, 1).await?;
    scenario.await_status(1, "a pool that is offline", |status| status.units.offline == 1).await?;
    let before = scenario.estate.pods(WEB).await?;
    scenario.estate.apply(&web.tag("v2")).await?;
    let status = scenario.await_phase(2, Phase::Completed).await?;
    assert_eq!((status.units.updated, status.units.settled, status.units.offline), (3, 3, 1));
    scenario.await_attention(2, &away, &["none of its nodes is Ready"]).await?;
    scenario.stays_in("v2", [1, 2, 4]).await?;
    ensure!(scenario.estate.pods(WEB).await?[&away] == before[&away], "it was touched");

    scenario.estate.count_nodes(&away, 1, 0).await?;
    scenario.await_status(2, "the pool to be caught up", |status| status.units.settled == 4).await?;
    scenario.estate.await_settled(WEB, 4).await?;
    scenario.finish().await.map(drop)
}

#[tokio::test]
async fn pools_that_come_and_go_in_the_middle_of_a_run() -> Result<()> {
    let mut scenario = scenario("come-and-go", 4).await?;
    let canary = json!({"name": "canary", "pools": scenario.pools([1]), "soakSeconds": 3_600});
    scenario.tell_strategy(&waves(&json!([canary]))).await?;
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Soaking).await?;
    scenario.tell_run(&json!({"promotedThrough": "canary"})).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    scenario.estate.apply(&web.tag("v2")).await?;
    scenario.await_phase(2, Phase::Soaking).await?;
    let before = scenario.estate.pods(WEB).await?;

    // One goes: its workload goes with it, and nobody else is touched.
    let gone = scenario.pool(4);
    scenario.estate.label_pool(&gone, &json!({SCENE_LABEL: Value::Null})).await?;
    let (first, second, third) = (scenario.pool(1), scenario.pool(2), scenario.pool(3));
    let left = [first.as_str(), second.as_str(), third.as_str()];
    scenario.estate.await_pools(WEB, &left).await?;
    scenario.await_status(2, "the pool to be gone", |status| status.units.desired == 3).await?;
    // One comes: it waits for its wave as the others do.
    scenario.estate.add_pool("come-and-go-pool-5").await?;
    scenario.await_status(2, "the pool that came", |status| status.units.desired == 4).await?;
    scenario.estate.await_pools(WEB, &left).await?;
    scenario.stays_in("v2", [1]).await?;
    let now = scenario.estate.pods(WEB).await?;
    ensure!(left.iter().all(|pool| now.get(*pool) == before.get(*pool)), "{before:?} became {now:?}");

    scenario.tell_run(&json!({"promotedThrough": "canary"})).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    scenario.stays_in("v2", [1, 2, 3, 5]).await?;
    scenario.estate.await_settled(WEB, 4).await?;
    // After the run one that comes gets the revision at once.
    scenario.estate.label_pool(&gone, &json!({SCENE_LABEL: scenario.estate.namespace})).await?;
    scenario.estate.await_settled(WEB, 5).await?;
    scenario.stays_in("v2", 1..=5).await?;
    scenario.finish().await.map(drop)
}
