//! What DaemonSets ask for by annotation: things that cannot be done, things that are not asked of Drover, and nothing at all.

use anyhow::{Context as _, Result};
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names::{self, reason};
use serde_json::json;
use tests::fixture::Scene;
use xtask::daemonsets::STRATEGY_ANNOTATION;

use super::{LONG, await_status, bed, condition, falls_silent};

#[tokio::test]
async fn what_cannot_be_followed_is_told_once_and_left_alone_until_it_is_corrected() -> Result<()> {
    let scene = bed().await?.scene("refused", 3, 1).await?;
    let strategy = scene.launch(&scene.daemon_set("strategy", "50%").annotation(STRATEGY_ANNOTATION, "fast")).await?;
    let budget = scene.launch(&scene.daemon_set("budget", "some")).await?;
    let rolling = scene.launch(&scene.daemon_set("rolling", "50%").rolling_update()).await?;
    tokio::try_join!(strategy.release("v2"), budget.release("v2"))?;
    let words = [
        ("strategy", [names::UPDATE_STRATEGY, "\"fast\"", "auto, AdvancedRollingUpdate or OTA"]),
        ("budget", [names::MAX_UNAVAILABLE, "\"some\"", "an integer from 0 to"]),
        ("rolling", [names::UPDATE_STRATEGY, "\"RollingUpdate\"", "OnDelete"]),
    ];
    for (name, words) in words {
        let event = scene.await_event(name, reason::INVALID_STRATEGY, LONG).await?;
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        let note = event.note.context("an event without a note")?;
        for word in words {
            assert!(note.contains(word), "{note:?} names {word}");
        }
    }
    // A change that changes nothing of it is no news.
    strategy.annotate("example.org/touched", Some("yes")).await?;
    falls_silent(&scene).await?;
    assert_eq!(scene.deletes()?, 0);
    assert!(scene.runs("strategy").await?.is_empty() && scene.runs("budget").await?.is_empty());
    assert_eq!(strategy.await_ready("v1", 3, LONG).await?.len(), 3);

    strategy.annotate(STRATEGY_ANNOTATION, Some("auto")).await?;
    budget.annotate(names::MAX_UNAVAILABLE, Some("50%")).await?;
    rolling.patch(&json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}})).await?;
    rolling.release("v2").await?;
    for name in ["strategy", "budget", "rolling"] {
        scene.await_phase(name, 2, Phase::Completed, LONG).await?;
        told_once(&scene, name).await?;
    }
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 9, "{verdict}");
    Ok(())
}

async fn told_once(scene: &Scene<'_>, name: &str) -> Result<()> {
    let events = scene.events(name, reason::INVALID_STRATEGY).await?;
    assert!(events.len() == 1 && events[0].series.is_none(), "{name}: {events:?}");
    Ok(())
}

#[tokio::test]
async fn who_asks_for_ota_or_for_nothing_is_left_alone() -> Result<()> {
    let scene = bed().await?.scene("not-ours", 3, 1).await?;
    let agent = scene.deploy("agent", "50%").await?;
    let ota = scene.launch(&scene.daemon_set("ota", "50%").annotation(STRATEGY_ANNOTATION, "OTA")).await?;
    let plain = xtask::daemonsets::Fixture::new(&scene.namespace, "plain");
    let plain = scene.launch(&plain.on_nodes(tests::fixture::SCENE_LABEL, &scene.namespace)).await?;
    let before = (scene.uids(&ota).await?, scene.uids(&plain).await?);
    tokio::try_join!(ota.release("v2"), plain.release("v2"))?;
    // The one that is upgraded was released later: when it is done, the updater has seen the others.
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    assert_eq!((scene.uids(&ota).await?, scene.uids(&plain).await?), before);
    for name in ["ota", "plain"] {
        assert!(scene.runs(name).await?.is_empty(), "{name} has a run");
        assert!(scene.events(name, reason::INVALID_STRATEGY).await?.is_empty(), "{name} is refused");
    }
    let verdict = scene.finish_done().await?;
    assert!(verdict.restarts.keys().all(|(name, _)| name == "agent"), "{verdict}");
    assert_eq!(verdict.deletes, 3, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_budget_of_zero_holds_until_it_is_raised() -> Result<()> {
    let scene = bed().await?.scene("no-budget", 5, 1).await?;
    let agent = scene.deploy("agent", "0").await?;
    agent.release("v2").await?;
    let is_held = |status: &FleetRolloutStatus| {
        let held = condition(status, names::condition::HELD).map(|held| (held.status.as_str(), held.reason.as_str()));
        status.phase == Phase::Held && held.is_ok_and(|held| held == ("True", "NoBudget"))
    };
    let status = await_status(&scene, "agent", 2, "a hold for want of a budget", is_held).await?;
    let held = condition(&status, names::condition::HELD)?;
    assert!(held.message.contains("maxUnavailable of the run is 0"), "{}", held.message);
    super::stands_still(&scene, &agent, 5).await?;
    assert_eq!(scene.deletes()?, 0);

    agent.annotate(names::MAX_UNAVAILABLE, Some("10%")).await?;
    let status = await_status(&scene, "agent", 2, "completion", |status| status.phase == Phase::Completed).await?;
    assert_eq!(condition(&status, names::condition::HELD)?.status, "False");
    let verdict = scene.finish_done().await?;
    assert!(verdict.deletes == 5 && verdict.most_down == 1, "{verdict}");
    Ok(())
}
