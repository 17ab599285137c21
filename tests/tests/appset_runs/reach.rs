//! Who is reachable, as a running leader-endpoints-controller tells over `TopologyService`, and nobody else: it follows another
//! controller here and writes no NodePool's status, so that these say nothing.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use kube::api::ListParams;
use serde_json::json;
use tests::fixture::{Service, ServiceSpec};
use xtask::nodes::Fleet;
use xtask::paths;

use super::bed::{Bed, Scenario, controller};
use super::place::Place;
use super::standing::beside_a_live_yurt_manager;
use super::{WEB, waves};

/// Who knows.
const TOPOLOGY: &str = "leader-endpoints-controller";

/// Longer than any test.
const FOREVER: u32 = 36_000;

#[tokio::test]
async fn pools_that_are_known_to_be_away_wait_and_while_nobody_knows_all_do() -> Result<()> {
    let bed = Bed::start().await?;
    for file in ["service-account", "rbac"] {
        let path = paths::workspace().join(format!("deploy/{TOPOLOGY}/{file}.yaml"));
        let manifest = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        bed.testbed.cluster.apply(&manifest).await?;
    }
    let place = Place::reserve(&bed, TOPOLOGY, api::rbac::APPSET_CONTROLLER.account).await?;
    let topology = start(&bed, &place).await?;
    let asking = place.called("TOPOLOGY").into_iter();
    let asking = asking.fold(controller(), |spec, (key, value)| spec.env(&key, &value));
    let _controller = bed.testbed.appset_controller(asking).await?;
    let scenario = bed.scenario("reach", 3).await?;
    scenario.estate.deploy(&scenario.web(), 3).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let canary = json!([{"name": "canary", "pools": scenario.pools([1]), "soakSeconds": FOREVER}]);
    scenario.tell_strategy(&waves(&canary)).await?;

    away_and_back(&scenario).await?;
    let _again = nobody_knows(&scenario, topology, &place).await?;
    ensure!(nothing_is_said(&scenario).await?, "a NodePool's status says what TopologyService was to tell");
    beside_a_live_yurt_manager(&scenario, 3).await?;
    scenario.estate.await_settled(WEB, 3).await?;
    scenario.finish().await.map(drop)
}

async fn away_and_back(scenario: &Scenario<'_>) -> Result<()> {
    let nodes = scenario.bed.testbed.cluster.nodes()?;
    let (away, node) = (scenario.pool(3), &Fleet::new(3, 3).prefix("reach").names()[2..]);
    nodes.not_ready(node, true).await?;
    scenario.await_status(1, "a pool that is offline", |status| status.units.offline == 1).await?;
    scenario.estate.apply(&scenario.web_in_waves().tag("v2")).await?;
    scenario.await_phase(2, Phase::Soaking).await?;
    scenario.tell_run(&json!({"promotedThrough": "canary"})).await?;
    let status = scenario.await_phase(2, Phase::Completed).await?;
    assert_eq!((status.units.settled, status.units.offline), (2, 1));
    scenario.await_attention(2, &away, &["none of its nodes is Ready"]).await?;
    scenario.stays_in("v2", 1..=2).await?;
    nodes.not_ready(node, false).await?;
    scenario.await_status(2, "the pool to be caught up", |status| status.units.settled == 3).await?;
    scenario.stays_in("v2", 1..=3).await
}

/// It dies in the middle of a run, and is there again in the end.
async fn nobody_knows(scenario: &Scenario<'_>, topology: Service, place: &Place) -> Result<Service> {
    scenario.estate.apply(&scenario.web_in_waves().tag("v3")).await?;
    scenario.await_phase(3, Phase::Soaking).await?;
    topology.process.kill9().await?;
    let sentence = scenario.await_hold(3, "ReachUnknown").await?;
    ensure!(sentence.contains("it is not known which pools are reachable"), "{sentence}");
    scenario.tell_run(&json!({"promotedThrough": "canary"})).await?;
    scenario.stays_in("v3", [1]).await?;
    let topology = start(scenario.bed, place).await?;
    let status = scenario.await_phase(3, Phase::Completed).await?;
    assert_eq!((status.units.settled, status.units.failed), (3, 0));
    scenario.stays_in("v3", 1..=3).await?;
    Ok(topology)
}

async fn start(bed: &Bed, place: &Place) -> Result<Service> {
    let spec = ServiceSpec::new(TOPOLOGY).arg("--mode=follow");
    let spec = place.served("TOPOLOGY").into_iter().fold(spec, |spec, (key, value)| spec.env(&key, &value));
    let service = Service::start(&bed.testbed.cluster, spec).await?;
    service.await_ready().await?;
    Ok(service)
}

/// Whether no NodePool's status counts nodes.
async fn nothing_is_said(scenario: &Scenario<'_>) -> Result<bool> {
    let pools = scenario.estate.node_pools().list(&ListParams::default()).await.context("listing NodePools")?;
    Ok(pools.iter().all(|pool| pool.data["status"]["readyNodeNum"].is_null()))
}
