//! `dependsOn` between a DaemonSet and a YurtAppSet, by the two services that drive them, in both directions, and with the one
//! that is asked killed in the middle.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::{FleetRollout, Phase};
use api::names;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tests::fixture::{SCENE_LABEL, Service, ServiceSpec, UpdaterSpec, eventually};
use xtask::daemonsets::{Daemon, Fixture, image_of};

use super::bed::{Bed, Scenario, controller};
use super::place::Place;
use super::{LONG, WEB, waves};

/// Longer than any test.
const FOREVER: u32 = 36_000;

#[tokio::test]
async fn each_waits_for_the_other_pool_by_pool_and_for_its_service_when_that_dies() -> Result<()> {
    let bed = Bed::start().await?;
    let mut pair = Box::pin(Pair::start(&bed)).await?;
    a_gateway_before_the_applications_of_its_pool(&bed, &mut pair).await?;
    an_application_before_the_agent_of_its_pool(&bed, &mut pair).await
}

async fn a_gateway_before_the_applications_of_its_pool(bed: &Bed, pair: &mut Pair) -> Result<()> {
    let scenario = bed.scenario("gateway-first", 3).await?;
    let first = waves(&json!([{"name": "first", "pools": scenario.pools([1]), "soakSeconds": FOREVER}]));
    let gateway = daemon_set(&scenario, "gateway", &json!({"maxUnavailable": "100%"})).await?;
    scenario.tell_strategy(&after("apps/v1", "DaemonSet", "gateway")).await?;
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;

    // The gateway rests after its first pool, and so do the applications.
    strategy(&scenario, "gateway", &first).await?;
    gateway.release("v2").await?;
    await_phase(&scenario, "gateway", 2, Phase::Soaking).await?;
    scenario.estate.apply(&web.tag("v2")).await?;
    await_told(&scenario, WEB, 2, "it waits until DaemonSet gateway is up to date in its pool").await?;
    scenario.stays_in("v2", [1]).await?;

    // Who is asked dies: nothing starts, whatever the gateway's run is told meanwhile.
    pair.updater.process.kill9().await?;
    await_told(&scenario, WEB, 2, "it is not known whether DaemonSet gateway is up to date in its pool").await?;
    tell(&scenario, "gateway", 2, &json!({"promotedThrough": "first"})).await?;
    scenario.stays_in("v2", [1]).await?;
    pair.updater = pair.start_updater(bed).await?;
    await_phase(&scenario, "gateway", 2, Phase::Completed).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    scenario.stays_in("v2", 1..=3).await?;
    scenario.estate.await_settled(WEB, 3).await?;
    scenario.finish().await.map(drop)
}

async fn an_application_before_the_agent_of_its_pool(bed: &Bed, pair: &mut Pair) -> Result<()> {
    let scenario = bed.scenario("application-first", 3).await?;
    scenario.tell_strategy(&waves(&json!([]))).await?;
    let web = scenario.web_in_waves();
    scenario.estate.apply(&web).await?;
    scenario.await_phase(1, Phase::Completed).await?;
    let agent = daemon_set(&scenario, "agent", &after("apps.openyurt.io/v1beta1", "YurtAppSet", WEB)).await?;

    let first = json!([{"name": "first", "pools": scenario.pools([2]), "soakSeconds": FOREVER}]);
    scenario.tell_strategy(&waves(&first)).await?;
    scenario.estate.apply(&web.clone().tag("v2")).await?;
    scenario.await_phase(2, Phase::Soaking).await?;
    agent.release("v2").await?;
    await_told(&scenario, "agent", 2, "it waits until YurtAppSet web is up to date in its pool").await?;
    let second = format!("{}-node-002", scenario.estate.namespace);
    stay_on(&agent, std::slice::from_ref(&second)).await?;

    pair.controller.process.kill9().await?;
    await_told(&scenario, "agent", 2, "it is not known whether YurtAppSet web is up to date in its pool").await?;
    tell(&scenario, WEB, 2, &json!({"promotedThrough": "first"})).await?;
    stay_on(&agent, &[second]).await?;
    pair.controller = pair.start_controller(bed).await?;
    scenario.await_phase(2, Phase::Completed).await?;
    await_phase(&scenario, "agent", 2, Phase::Completed).await?;
    agent.await_ready("v2", 3, LONG).await?;

    // A release of which nobody can say yet whether the API server takes it: that the one before is everywhere counts no more.
    Box::pin(unheard(&scenario, true)).await?;
    scenario.estate.apply(&web.tag("v3")).await?;
    let words = ["trying the revision with a dry run", "failed calling webhook"];
    scenario.estate.await_condition(WEB, "AppUpdated", "False", &words).await?;
    agent.release("v3").await?;
    await_told(&scenario, "agent", 3, "it is not known whether YurtAppSet web is up to date in its pool").await?;
    let upgraded = agent.pods_by_node().await?.into_values().filter(|pod| image_of(pod) == Some(&*image("v3"))).count();
    ensure!(upgraded == 0, "the agent went first on {upgraded} nodes");
    Box::pin(unheard(&scenario, false)).await?;
    scenario.await_phase(3, Phase::Soaking).await?;
    tell(&scenario, WEB, 3, &json!({"promotedThrough": "first"})).await?;
    scenario.await_phase(3, Phase::Completed).await?;
    await_phase(&scenario, "agent", 3, Phase::Completed).await?;
    scenario.finish().await.map(drop)
}

/// The image of the agent with this tag.
fn image(tag: &str) -> String {
    format!("registry.local/agent:{tag}")
}

/// Whoever has to be asked about each of the scenario's Deployments is away, or nobody has to.
async fn unheard(scenario: &Scenario<'_>, is_away: bool) -> Result<()> {
    let namespace = &scenario.estate.namespace;
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": namespace},
        "webhooks": [{
            "name": "nobody.drover.dev", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}],
        }],
    });
    let cluster = &scenario.bed.testbed.cluster;
    if is_away {
        cluster.apply(&webhook.to_string()).await?;
    } else {
        cluster.kubectl(&["delete", "validatingwebhookconfiguration", namespace]).await?;
    }
    // The API server knows of it a moment later.
    let (deployments, pool) = (scenario.estate.objects("apps/v1", "Deployment"), scenario.pool(1));
    let name = scenario.estate.child(WEB, &pool).await?["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let change = Patch::Merge(json!({"metadata": {"annotations": {"tried": "yes"}}}));
    eventually("another answer", LONG, async || {
        let refused = deployments.patch(&name, &params, &change).await.is_err();
        Ok((refused == is_away).then_some(()))
    })
    .await
}

/// Exactly these nodes get the agent's second revision, and stay the only ones.
async fn stay_on(agent: &Daemon, nodes: &[String]) -> Result<()> {
    let image = image("v2");
    let there = async || -> Result<Vec<String>> {
        let pods = agent.pods_by_node().await?.into_iter();
        Ok(pods.filter(|(_, pod)| image_of(pod) == Some(&*image)).map(|(node, _)| node).collect())
    };
    eventually(&format!("{image} on {nodes:?}"), LONG, async || Ok((there().await? == nodes).then_some(()))).await?;
    tokio::time::sleep(super::A_WHILE).await;
    let found = there().await?;
    ensure!(found == nodes, "{image} is on {found:?} and not on {nodes:?}");
    Ok(())
}

/// A strategy without waves that waits for another target, pool by pool.
fn after(api_version: &str, kind: &str, name: &str) -> Value {
    let target = json!({"apiVersion": api_version, "kind": kind, "name": name, "scope": "SamePool"});
    json!({"maxUnavailable": "100%", "dependsOn": [target]})
}

/// A DaemonSet on the scenario's nodes with a strategy of its own name, its first pods settled.
async fn daemon_set(scenario: &Scenario<'_>, name: &str, spec: &Value) -> Result<Daemon> {
    strategy(scenario, name, spec).await?;
    let namespace = &scenario.estate.namespace;
    let fixture = Fixture::new(namespace, name).on_nodes(SCENE_LABEL, namespace).auto("100%");
    let daemon = fixture.annotation(names::STRATEGY, name).apply(&scenario.estate.client).await?;
    await_phase(scenario, name, 1, Phase::Completed).await?;
    Ok(daemon)
}

async fn strategy(scenario: &Scenario<'_>, name: &str, spec: &Value) -> Result<()> {
    let object = json!({
        "apiVersion": "drover.dev/v1alpha1", "kind": "RolloutStrategy",
        "metadata": {"name": name, "namespace": scenario.estate.namespace}, "spec": spec,
    });
    scenario.bed.testbed.cluster.apply(&object.to_string()).await
}

/// The run of a target's revision.
async fn run(scenario: &Scenario<'_>, target: &str, number: i64) -> Result<Option<FleetRollout>> {
    let all = rollouts(scenario).list(&ListParams::default()).await.context("listing FleetRollouts")?;
    let of_it = |run: &FleetRollout| run.spec.target_ref.name == target && run.spec.revision.number == number;
    Ok(all.items.into_iter().find(of_it))
}

async fn await_phase(scenario: &Scenario<'_>, target: &str, number: i64, phase: Phase) -> Result<()> {
    await_run(scenario, target, number, &format!("{phase:?}"), |run| {
        run.status.as_ref().is_some_and(|status| status.phase == phase)
    })
    .await
}

/// Waits until the status of a run has these words.
async fn await_told(scenario: &Scenario<'_>, target: &str, number: i64, words: &str) -> Result<()> {
    await_run(scenario, target, number, words, |run| json!(run.status).to_string().contains(words)).await
}

async fn await_run(
    scenario: &Scenario<'_>,
    target: &str,
    number: i64,
    what: &str,
    wanted: impl Fn(&FleetRollout) -> bool,
) -> Result<()> {
    let what = format!("{what:?} of {target} r{number}");
    let mut last = None;
    let found = eventually(&what, LONG, async || {
        last = run(scenario, target, number).await?;
        Ok(last.as_ref().is_some_and(&wanted).then_some(()))
    });
    let found = found.await;
    found.with_context(|| format!("last status: {}", json!(last.and_then(|run| run.status))))
}

/// Changes the spec of a run, as a user does with kubectl.
async fn tell(scenario: &Scenario<'_>, target: &str, number: i64, spec: &Value) -> Result<()> {
    let run = run(scenario, target, number).await?.context("no run yet")?;
    let patch = Patch::Merge(json!({ "spec": spec }));
    rollouts(scenario).patch(&run.name_any(), &PatchParams::default(), &patch).await.context("changing a run")?;
    Ok(())
}

fn rollouts(scenario: &Scenario<'_>) -> Api<FleetRollout> {
    Api::namespaced(scenario.estate.client.clone(), &scenario.estate.namespace)
}

/// Both services, each knowing where the other one is, whether it is there or not.
struct Pair {
    updater: Service,
    controller: Service,
    updater_place: Place,
    controller_place: Place,
}

impl Pair {
    async fn start(bed: &Bed) -> Result<Self> {
        let (updater, controller) = (api::rbac::DAEMON_UPDATER.account, api::rbac::APPSET_CONTROLLER.account);
        let updater_place = Place::reserve(bed, updater, controller).await?;
        let controller_place = Place::reserve(bed, controller, updater).await?;
        let (updater, controller) = tokio::try_join!(
            start_updater(bed, &updater_place, &controller_place),
            start_controller(bed, &updater_place, &controller_place)
        )?;
        Ok(Self { updater, controller, updater_place, controller_place })
    }

    async fn start_updater(&self, bed: &Bed) -> Result<Service> {
        start_updater(bed, &self.updater_place, &self.controller_place).await
    }

    async fn start_controller(&self, bed: &Bed) -> Result<Service> {
        start_controller(bed, &self.updater_place, &self.controller_place).await
    }
}

async fn start_updater(bed: &Bed, own: &Place, other: &Place) -> Result<Service> {
    let all = own.served("ROLLOUT_SERVICE").into_iter().chain(other.called("APPSET_CONTROLLER"));
    let all = all.chain(LEASE.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let spec = all.fold(UpdaterSpec::default(), |spec, (key, value)| spec.env(&key, &value));
    bed.testbed.updater(spec).await
}

async fn start_controller(bed: &Bed, other: &Place, own: &Place) -> Result<Service> {
    let all = own.served("ROLLOUT_SERVICE").into_iter().chain(other.called("DAEMON_UPDATER"));
    let all = all.chain(LEASE.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let spec: ServiceSpec = all.fold(controller(), |spec, (key, value)| spec.env(&key, &value));
    bed.testbed.appset_controller(spec).await
}

/// Soon free when its holder is killed.
const LEASE: [(&str, &str); 4] = [
    ("DROVER_LEASE__DURATION", "3s"),
    ("DROVER_LEASE__RENEW_EVERY", "500ms"),
    ("DROVER_LEASE__MARGIN", "500ms"),
    ("DROVER_KUBE__WRITE_TIMEOUT", "1s"),
];
