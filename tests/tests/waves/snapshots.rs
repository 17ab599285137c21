//! A run keeps the strategy as it was when the run began; one whose strategy is missing or not valid waits for it.

use anyhow::Result;
use api::fleet_rollout::Phase;
use api::names::{self, reason};
use serde_json::json;

use super::{
    A_WHILE, LONG, STRATEGY, await_hold, await_requests, decide, deploy, nodes_with, pools, run, scene, set, states,
    tell_strategy,
};

#[tokio::test]
async fn an_edited_strategy_is_for_the_next_run_and_taking_it_away_loosens_nothing() -> Result<()> {
    let scene = scene("edited", 8, 4).await?;
    let canary = |pool| json!([{"name": "canary", "pools": pools(&scene, [pool]), "approval": "AfterWave"}]);
    // The strategy's budget beats the annotation's.
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": 1, "waves": canary(1)})).await?;
    agent.release("v2").await?;
    let request = await_requests(&scene, 2, 1).await?.remove(0);
    let before = run(&scene, 2).await?.spec;
    assert_eq!(before.strategy_name.as_deref(), Some(STRATEGY));
    tell_strategy(&scene, &json!({"maxUnavailable": "100%", "waves": canary(4)})).await?;
    agent.annotate(names::STRATEGY, None).await?;
    scene.no_more_deletes(A_WHILE).await?;
    let after = run(&scene, 2).await?;
    assert_eq!(after.spec, before, "the run keeps what it began with");
    assert_eq!(nodes_with(&agent, "v2").await?, set(&scene.nodes[..2]));
    decide(&scene, &request, "Approved").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let verdict = scene.verdict()?;
    assert!(verdict.deletes == 8 && verdict.most_started == 1, "{verdict}");

    agent.annotate(names::STRATEGY, Some(STRATEGY)).await?;
    agent.release("v3").await?;
    let request = await_requests(&scene, 3, 1).await?.remove(0);
    assert_eq!(nodes_with(&agent, "v3").await?, set(&scene.nodes[6..]), "the next run goes by the new one");
    decide(&scene, &request, "Approved").await?;
    scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    // And one without a strategy has a single wave, and the annotation's budget.
    agent.annotate(names::STRATEGY, None).await?;
    agent.release("v4").await?;
    let status = scene.await_phase("agent", 4, Phase::Completed, LONG).await?;
    assert_eq!(states(&status), [("all".to_owned(), "Succeeded".to_owned())]);
    assert_eq!(run(&scene, 4).await?.spec.strategy_name, None);
    scene.finish_done().await.map(drop)
}

#[tokio::test]
async fn a_strategy_that_is_missing_or_not_valid_holds_the_run_until_it_is_there() -> Result<()> {
    let scene = scene("missing", 6, 3).await?;
    let fixture = scene.daemon_set("agent", "50%").annotation(names::STRATEGY, STRATEGY);
    let agent = scene.launch(&fixture).await?;
    agent.release("v2").await?;
    let sentence = await_hold(&scene, 2, "InvalidStrategy").await?;
    assert!(sentence.contains(STRATEGY) && sentence.contains(names::STRATEGY), "{sentence}");
    let event = scene.await_event("agent", reason::INVALID_STRATEGY, LONG).await?;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    // Not even without the annotation.
    agent.annotate(names::STRATEGY, None).await?;
    assert_eq!(scene.no_more_deletes(A_WHILE).await?, 0);
    await_hold(&scene, 2, "InvalidStrategy").await?;

    // Only code knows time zones.
    let window = json!([{"start": "00:00", "durationSeconds": 86_400, "timeZone": "Mars/Olympus"}]);
    let waves = json!([{"name": "canary", "pools": pools(&scene, [1])}]);
    tell_strategy(&scene, &json!({"maxUnavailable": "50%", "waves": waves, "windows": window})).await?;
    let told = tests::fixture::eventually("a sentence about the time zone", LONG, async || {
        let sentence = await_hold(&scene, 2, "InvalidStrategy").await?;
        Ok(sentence.contains("timeZone").then_some(sentence))
    });
    let told = told.await?;
    assert!(told.contains("windows[0].timeZone") && told.contains("Mars/Olympus"), "{told}");
    assert_eq!(scene.no_more_deletes(A_WHILE).await?, 0);

    tell_strategy(&scene, &json!({"maxUnavailable": "50%", "waves": waves})).await?;
    let status = scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let names: Vec<_> = states(&status).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["canary", "rest"]);
    let run = run(&scene, 2).await?;
    assert_eq!(run.spec.strategy_name.as_deref(), Some(STRATEGY));
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 6, "{verdict}");
    Ok(())
}
