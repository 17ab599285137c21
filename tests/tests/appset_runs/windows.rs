//! Windows over pools: closed, opening, and closing while a wave is open. A window is about pools with a label: what opens and closes is
//! told by labels as well as by the clock, so that nothing here depends on how fast a machine is.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use xtask::nodes::Fleet;

use super::WEB;
use super::bed::scenario;

/// The label of pools whose window is closed.
const FROZEN: &str = "frozen";

/// What a pool says whose window is closed and does not open by itself.
const CLOSED: &str = "no window is open";

/// A window of all days that has begun and ends then, to the second. Windows begin with a minute.
fn until(end: Timestamp, effect: &str) -> Result<Value> {
    let begun = (Timestamp::now() - SignedDuration::from_mins(1)).to_zoned(TimeZone::UTC);
    let start = begun.with().second(0).subsec_nanosecond(0).build()?;
    let lasts = end.duration_since(start.timestamp()).as_secs();
    let at = start.strftime("%H:%M").to_string();
    Ok(json!({"effect": effect, "start": at, "durationSeconds": lasts, "timeZone": "UTC"}))
}

#[tokio::test]
async fn a_window_that_closes_and_opens_in_the_middle_of_a_wave() -> Result<()> {
    let scenario = scenario("window", 4).await?;
    scenario.estate.deploy(&scenario.web(), 4).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let frozen = json!({"matchLabels": {FROZEN: "yes"}});
    let all_day = json!({"effect": "Deny", "start": "00:00", "durationSeconds": 86_400, "timeZone": "UTC", "poolSelector": frozen});
    let one_by_one = json!([{"name": "all", "poolSelector": {}, "maxConcurrentPools": 1}]);
    scenario.tell_strategy(&json!({"waves": one_by_one, "windows": [all_day]})).await?;
    let freeze = async |pool: &str, value: Value| scenario.estate.label_pool(pool, &json!({FROZEN: value})).await;

    // One is closed from the start. Of the others one begins, and cannot end: no pod starts on a node that is cordoned.
    let fourth = scenario.pool(4);
    freeze(&fourth, json!("yes")).await?;
    let (nodes, names) = (scenario.bed.testbed.cluster.nodes()?, Fleet::new(4, 4).prefix("window").names());
    nodes.cordon(&names).await?;
    scenario.estate.apply(&scenario.web_in_waves().tag("v2")).await?;
    scenario.await_attention(2, &fourth, &[CLOSED]).await?;
    scenario.await_status(2, "a pool under change", |status| status.units.updated == 1).await?;
    let first = scenario.pools_with("v2").await?.pop_first().context("no pool began")?;
    ensure!(first != fourth, "its window is closed");

    // The window closes for those that wait for their turn, and is closed when that comes.
    let others: Vec<String> = scenario.pools(1..=3).into_iter().filter(|pool| *pool != first).collect();
    for pool in &others {
        freeze(pool, json!("yes")).await?;
        scenario.await_attention(2, pool, &[CLOSED]).await?;
    }
    nodes.uncordon(&names).await?;
    scenario.await_status(2, "the first pool to settle", |status| status.units.settled == 1).await?;
    let sentence = scenario.await_hold(2, "Window").await?;
    ensure!(sentence.contains(CLOSED), "{sentence}");
    scenario.stays_with("v2", [first.clone()]).await?;

    // It opens for one of them, and then for all.
    freeze(&others[0], Value::Null).await?;
    scenario.await_status(2, "the second pool to settle", |status| status.units.settled == 2).await?;
    scenario.await_hold(2, "Window").await?;
    scenario.stays_with("v2", [first, others[0].clone()]).await?;
    for pool in [&others[1], &fourth] {
        freeze(pool, Value::Null).await?;
    }
    scenario.await_phase(2, Phase::Completed).await?;
    scenario.stays_in("v2", 1..=4).await?;
    scenario.estate.await_settled(WEB, 4).await?;
    scenario.finish().await.map(drop)
}

#[tokio::test]
async fn nothing_starts_before_a_window_opens_by_the_clock() -> Result<()> {
    let scenario = scenario("window-opens", 3).await?;
    scenario.estate.deploy(&scenario.web(), 3).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    // To the second, as a window lasts. On a machine on which the release comes later it proves nothing, and fails nobody.
    let opens = Timestamp::from_second(Timestamp::now().as_second() + 15)?;
    scenario.tell_strategy(&json!({"waves": [], "windows": [until(opens, "Deny")?]})).await?;
    scenario.estate.apply(&scenario.web_in_waves().tag("v2")).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    let revision = scenario.run(2).await?.spec.revision.name;
    let verdict = scenario.finish().await?;
    let starts: Vec<Timestamp> =
        verdict.starts.iter().filter(|start| start.revision == revision).map(|start| start.at).collect();
    ensure!(starts.len() == 3 && starts.iter().all(|start| *start >= opens), "{starts:?} are not all after {opens}");
    Ok(())
}
