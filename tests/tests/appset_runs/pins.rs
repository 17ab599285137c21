//! Pools that keep a revision.

use anyhow::{Result, ensure};
use api::fleet_rollout::Phase;
use api::names::app_set::PINNED;
use serde_json::{Value, json};

use super::WEB;
use super::bed::scenario;

#[tokio::test]
async fn a_pinned_pool_keeps_its_revision_until_the_pin_goes() -> Result<()> {
    let scenario = scenario("pinned", 3).await?;
    let web = scenario.web();
    scenario.estate.deploy(&web, 3).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let (first, pinned) = (scenario.run(1).await?.spec.revision.name, scenario.pool(3));
    let pins = json!({ &pinned: first }).to_string();
    let before = scenario.estate.pods(WEB).await?;
    let pinning = web.clone().annotation(PINNED, &pins);
    scenario.estate.apply(&pinning.clone().tag("v2")).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    scenario.stays_in("v2", 1..=2).await?;
    ensure!(scenario.estate.pods(WEB).await?[&pinned] == before[&pinned], "the pinned pool's pods were replaced");

    // A pool can be pinned to an older one as well: it goes back.
    let other = scenario.pool(2);
    let pins = json!({ &pinned: first, &other: first }).to_string();
    scenario.estate.apply(&web.clone().tag("v2").annotation(PINNED, &pins)).await?;
    let is_old = |child: &Value| {
        child.pointer("/spec/template/spec/containers/0/image") == Some(&json!("registry.local/web:v1"))
    };
    scenario.estate.await_child(WEB, &other, "the older revision", is_old).await?;
    scenario.stays_in("v1", 2..=3).await?;

    scenario.estate.apply(&web.tag("v2")).await?;
    scenario.estate.await_settled(WEB, 3).await?;
    scenario.stays_in("v2", 1..=3).await?;
    scenario.finish().await.map(drop)
}
