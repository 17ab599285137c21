//! Rollouts in waves, by RolloutStrategies: one cluster and one updater for all scenarios but those in which updaters die. The
//! cluster knows no NodePools at first (`labels` brings them). Tests begin in the order of their names: `absent` and `calendar`, which
//! wait for a clock, must not be the last.

mod absent;
mod approvals;
mod calendar;
mod dependencies;
mod failures;
mod kills;
mod labels;
mod membership;
mod order;
mod pauses;
mod snapshots;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::{FleetRollout, FleetRolloutStatus, Phase};
use api::names;
use api::rollout_strategy::RolloutStrategy;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use planner::rollout::Wave;
use serde_json::{Value, json};
use tests::fixture::{Pace, Scene, Testbed, Updater, eventually};
use tokio::sync::OnceCell;
use xtask::daemonsets::{Daemon, image_of};

/// For runs of many units, one after the other.
const LONG: Duration = Duration::from_mins(3);
/// Long enough for whatever an updater would do that must not do it.
const A_WHILE: Duration = Duration::from_secs(3);

/// The name of every scenario's strategy, in its own namespace.
const STRATEGY: &str = "in-waves";

static SHARED: OnceCell<(Testbed, Updater)> = OnceCell::const_new();

async fn scene(name: &str, nodes: u32, pools: u32) -> Result<Scene<'static>> {
    SHARED.get_or_try_init(|| Testbed::with_updater(Pace::calm())).await?.0.scene(name, nodes, pools).await
}

/// A DaemonSet whose runs go by this strategy, with its first pods settled on every node.
async fn deploy(scene: &Scene<'_>, max_unavailable: &str, strategy: &Value) -> Result<Daemon> {
    tell_strategy(scene, strategy).await?;
    let fixture = scene.daemon_set("agent", max_unavailable).annotation(names::STRATEGY, STRATEGY);
    let agent = scene.launch(&fixture).await?;
    scene.await_phase("agent", 1, Phase::Completed, LONG).await?;
    Ok(agent)
}

/// Makes the scenario's strategy, or changes it to this spec.
async fn tell_strategy(scene: &Scene<'_>, spec: &Value) -> Result<()> {
    let api: Api<RolloutStrategy> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let object = json!({
        "apiVersion": "drover.dev/v1alpha1", "kind": "RolloutStrategy", "metadata": {"name": STRATEGY}, "spec": spec,
    });
    let params = PatchParams::apply("drover-tests").force();
    api.patch(STRATEGY, &params, &Patch::Apply(&object)).await.context("applying a RolloutStrategy")?;
    Ok(())
}

/// The names of a scene's pools, from the first to this one.
fn pools(scene: &Scene<'_>, numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("{}-pool-{number}", scene.namespace)).collect()
}

/// The run of the DaemonSet's revision with this number.
async fn run(scene: &Scene<'_>, number: i64) -> Result<FleetRollout> {
    let found = scene.runs("agent").await?.into_iter().find(|run| run.spec.revision.number == number);
    found.with_context(|| format!("no run of revision {number}"))
}

/// Waits until the status of the run of revision `number` is as wanted.
async fn await_status(
    scene: &Scene<'_>,
    number: i64,
    what: &str,
    wanted: impl Fn(&FleetRolloutStatus) -> bool,
) -> Result<FleetRolloutStatus> {
    let mut last = None;
    let found = eventually(what, LONG, async || {
        let found = scene.runs("agent").await?.into_iter().find(|run| run.spec.revision.number == number);
        last = found.and_then(|run| run.status);
        Ok(last.clone().filter(&wanted))
    });
    let found = found.await;
    found.with_context(|| format!("r{number}'s last status: {}", json!(last)))
}

/// Waits until the run of revision `number` is held for a reason of this kind; returns its sentence.
async fn await_hold(scene: &Scene<'_>, number: i64, kind: &str) -> Result<String> {
    let held = |status: &FleetRolloutStatus| status.phase == Phase::Held && sentence(status, kind).is_some();
    let status = await_status(scene, number, &format!("the hold {kind}"), held).await?;
    sentence(&status, kind).context("it is gone")
}

/// What the condition Held says, if its reason is this kind of hold.
fn sentence(status: &FleetRolloutStatus, kind: &str) -> Option<String> {
    let held = |condition: &&_| is_held(condition, kind);
    status.conditions.iter().find(held).map(|condition| condition.message.clone())
}

fn is_held(condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition, kind: &str) -> bool {
    condition.type_ == names::condition::HELD && condition.status == "True" && condition.reason == kind
}

/// The names of waves in a status, in order, with how far each is.
fn states(status: &FleetRolloutStatus) -> Vec<(String, String)> {
    status.waves.iter().map(|wave| (wave.name.clone(), format!("{:?}", wave.state))).collect()
}

/// The life of a wave that has opened, as the run remembers it.
fn wave<'s>(status: &'s FleetRolloutStatus, name: &str) -> Result<&'s Wave> {
    let mut waves = status.record.iter().flat_map(|record| &record.waves);
    waves.find(|wave| wave.name == name).with_context(|| format!("wave {name} has not opened: {}", json!(status)))
}

/// The nodes whose pod runs this tag and is not going away.
async fn nodes_with(agent: &Daemon, tag: &str) -> Result<BTreeSet<String>> {
    let image = format!("registry.local/agent:{tag}");
    let pods = agent.pods_by_node().await?;
    let here = pods.into_iter().filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none());
    Ok(here.filter(|(_, pod)| image_of(pod) == Some(image.as_str())).map(|(node, _)| node).collect())
}

/// These nodes, as a set.
fn set(nodes: &[String]) -> BTreeSet<String> {
    nodes.iter().cloned().collect()
}

/// The number, phase and revision name of every run, oldest first.
async fn history(scene: &Scene<'_>) -> Result<BTreeMap<i64, (Phase, String)>> {
    let one = |run: FleetRollout| {
        let phase = run.status.as_ref().map(|status| status.phase).unwrap_or_default();
        (run.spec.revision.number, (phase, run.spec.revision.name))
    };
    Ok(scene.runs("agent").await?.into_iter().map(one).collect())
}

/// `kubectl` in the scene's namespace.
async fn kubectl(scene: &Scene<'_>, args: &[&str]) -> Result<String> {
    let args = [&["--namespace", scene.namespace.as_str()], args].concat();
    scene.bed.cluster.kubectl(&args).await
}

/// Waits until the requests for approval of the run of revision `number` are as many as this; returns their names.
async fn await_requests(scene: &Scene<'_>, number: i64, count: usize) -> Result<Vec<String>> {
    let api: Api<api::approval_request::ApprovalRequest> = Api::namespaced(scene.client.clone(), &scene.namespace);
    eventually(&format!("{count} ApprovalRequests of r{number}"), LONG, async || {
        let runs = scene.runs("agent").await?;
        let Some(uid) = runs.iter().find(|run| run.spec.revision.number == number).and_then(kube::ResourceExt::uid)
        else {
            return Ok(None);
        };
        let all = api.list(&kube::api::ListParams::default()).await.context("listing ApprovalRequests")?;
        let mine = all.items.into_iter().filter(|request| request.spec.rollout_ref.uid == uid);
        let names: Vec<_> = mine.map(|request| request.name_any()).collect();
        Ok((names.len() == count).then_some(names))
    })
    .await
}

/// Decides on a request for approval as the cluster's administrator.
async fn decide(scene: &Scene<'_>, request: &str, decision: &str) -> Result<()> {
    decide_as(scene, request, decision, ADMINISTRATOR, &[]).await
}

/// Who the tests are to the API server.
const ADMINISTRATOR: &str = "drover:admin";

/// Decides on a request for approval under this name, with these flags of kubectl.
async fn decide_as(scene: &Scene<'_>, request: &str, decision: &str, approver: &str, flags: &[&str]) -> Result<()> {
    let patch = json!({"spec": {"decision": decision, "approver": approver}}).to_string();
    let args = ["patch", "approvalrequest", request, "--type=merge", "--patch", patch.as_str()];
    kubectl(scene, &[&args, flags].concat()).await.map(drop)
}
