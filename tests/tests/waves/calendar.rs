//! Windows that close and open while a run is under way. The service's clock is the real one: windows are made around now.

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::fixture::Scene;

use super::{A_WHILE, LONG, await_hold, deploy, pools, scene, tell_strategy};

/// A window that has begun and ends then, to the second. Windows begin with a minute.
fn until(end: Timestamp, effect: &str, zone: &str) -> Result<Value> {
    let begun = (Timestamp::now() - SignedDuration::from_mins(1)).to_zoned(TimeZone::get(zone)?);
    let start = begun.with().second(0).subsec_nanosecond(0).build()?;
    let lasts = end.duration_since(start.timestamp()).as_secs();
    let at = start.strftime("%H:%M").to_string();
    Ok(json!({"effect": effect, "start": at, "durationSeconds": lasts, "timeZone": zone}))
}

#[tokio::test]
async fn a_window_that_closes_stops_the_wave_that_is_open() -> Result<()> {
    let scene = scene("closing", 12, 4).await?;
    let waves = json!([{"name": "canary", "pools": pools(&scene, [1])}]);
    // One after the other, 5 s each: it cannot be done before the window closes.
    let strategy = json!({"maxUnavailable": 1, "waves": waves, "unit": {"minReadySeconds": 5}});
    let agent = deploy(&scene, "1", &strategy).await?;
    let mut with_window = strategy.clone();
    with_window["windows"] = json!([until(Timestamp::now() + SignedDuration::from_secs(25), "Allow", "UTC")?]);
    tell_strategy(&scene, &with_window).await?;
    agent.release("v2").await?;
    let sentence = await_hold(&scene, 2, "Window").await?;
    assert!(sentence.contains("no window is open until"), "{sentence}");
    let started = scene.no_more_deletes(A_WHILE).await?;
    assert!((1..12).contains(&started), "{started} of 12 units were started while it was open");
    scene.finish_open().map(drop)
}

#[tokio::test]
async fn nothing_starts_before_a_window_opens() -> Result<()> {
    let scene = scene("opening", 6, 3).await?;
    let waves = json!([{"name": "canary", "pools": pools(&scene, [1])}]);
    let strategy = json!({"maxUnavailable": "50%", "waves": waves});
    let agent = deploy(&scene, "50%", &strategy).await?;
    // To the second, as a window lasts.
    let opens = Timestamp::from_second(Timestamp::now().as_second() + 40)?;
    let mut with_window = strategy.clone();
    // Deny wins over an Allow window that is always open.
    let always = json!({"start": "00:00", "durationSeconds": 86_400, "timeZone": "UTC"});
    with_window["windows"] = json!([always, until(opens, "Deny", "Asia/Kolkata")?]);
    tell_strategy(&scene, &with_window).await?;
    agent.release("v2").await?;
    await_hold(&scene, 2, "Window").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let first = first_delete(&scene)?;
    assert!(first >= opens, "{first} is before {opens}");
    scene.finish_done().await.map(drop)
}

/// When the updater first deleted a pod here.
fn first_delete(scene: &Scene<'_>) -> Result<Timestamp> {
    let agent = &scene.rules.updater.agent;
    let first = scene.bed.calls(|calls| {
        let mine = calls.iter().filter(|call| call.namespace == scene.namespace && call.agent.starts_with(agent));
        mine.filter(|call| call.verb == "delete" && call.resource == "pods").map(|call| call.received).min()
    })?;
    first.context("nothing was deleted")
}
