//! `RolloutService` and `dependsOn`: in the hands of grpcurl, among DaemonSets, and on a peer that is away, comes, and dies.
//! One cluster and one updater for all; its peer is a small server of the test.

mod appsets;
mod daemon_sets;
mod grpcurl;
mod peer;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names;
use api::rollout_strategy::RolloutStrategy;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tests::fixture::{Pace, Scene, Testbed, Updater, UpdaterSpec, eventually};
use tokio::sync::OnceCell;
use xtask::daemonsets::{Daemon, image_of};

use peer::Site;

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);
/// Long enough for whatever an updater would do that must not do it.
const A_WHILE: Duration = Duration::from_secs(3);

/// What was not confirmed for so long is unknown to the updater.
const UNKNOWN_AFTER: Duration = Duration::from_secs(3);

/// A cluster, an updater, and the place of its peer, where nobody is at first.
struct Bed {
    testbed: Testbed,
    updater: Updater,
    peer: Site,
}

async fn bed() -> Result<&'static Bed> {
    static BED: OnceCell<Bed> = OnceCell::const_new();
    BED.get_or_try_init(Bed::start).await
}

impl Bed {
    async fn start() -> Result<Self> {
        let (testbed, peer) = (Testbed::start(Pace::calm()).await?, Site::reserve()?);
        let (namespace, account) = (api::rbac::NAMESPACE, api::rbac::DAEMON_UPDATER.account);
        let token = testbed.cluster.scratch()?.join("peer-token");
        std::fs::write(&token, testbed.cluster.caller_token(namespace, account).await?)?;
        let section = "DROVER_PEERS__APPSET_CONTROLLER";
        let spec = UpdaterSpec::default()
            .env(&format!("{section}__PEER__ADDRESS"), &format!("http://{}", peer.address()))
            .env(&format!("{section}__PEER__TOKEN"), &token.display().to_string())
            .env(&format!("{section}__UNKNOWN_AFTER"), &format!("{}s", UNKNOWN_AFTER.as_secs()))
            .env("DROVER_ROLLOUT_SERVICE__HEARTBEAT", "300ms");
        let updater = testbed.updater(spec).await?;
        Ok(Self { testbed, updater, peer })
    }
}

/// Makes a strategy of this name in a scene's namespace.
async fn strategy(scene: &Scene<'_>, name: &str, spec: Value) -> Result<()> {
    let api: Api<RolloutStrategy> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let object = json!({
        "apiVersion": "drover.dev/v1alpha1", "kind": "RolloutStrategy", "metadata": {"name": name}, "spec": spec,
    });
    let params = PatchParams::apply("drover-tests").force();
    api.patch(name, &params, &Patch::Apply(&object)).await.context("applying a RolloutStrategy")?;
    Ok(())
}

/// A DaemonSet with a strategy of its own name, its first pods settled.
async fn deploy(scene: &Scene<'_>, name: &str, spec: Value) -> Result<Daemon> {
    strategy(scene, name, spec).await?;
    let daemon = scene.launch(&scene.daemon_set(name, "50%").annotation(names::STRATEGY, name)).await?;
    scene.await_phase(name, 1, Phase::Completed, LONG).await?;
    Ok(daemon)
}

/// A strategy without waves that waits for another target.
fn after(kind: &str, name: &str, scope: &str) -> Value {
    let api_version = if kind == "DaemonSet" { "apps/v1" } else { "apps.openyurt.io/v1beta1" };
    json!({
        "maxUnavailable": "50%",
        "dependsOn": [{"apiVersion": api_version, "kind": kind, "name": name, "scope": scope}],
    })
}

/// The pools of a scene, by number.
fn pool(scene: &Scene<'_>, number: u32) -> String {
    format!("{}-pool-{number}", scene.namespace)
}

/// The nodes whose pod of this DaemonSet runs this tag and is not going away.
async fn nodes_with(daemon: &Daemon, name: &str, tag: &str) -> Result<BTreeSet<String>> {
    let image = format!("registry.local/{name}:{tag}");
    let here = daemon.pods_by_node().await?.into_iter();
    let here = here.filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none());
    Ok(here.filter(|(_, pod)| image_of(pod) == Some(image.as_str())).map(|(node, _)| node).collect())
}

/// Waits until exactly these nodes run this tag.
async fn await_nodes(daemon: &Daemon, name: &str, tag: &str, nodes: &[String]) -> Result<()> {
    let wanted: BTreeSet<String> = nodes.iter().cloned().collect();
    let what = format!("{name}:{tag} on {wanted:?}");
    eventually(&what, LONG, async || Ok((nodes_with(daemon, name, tag).await? == wanted).then_some(()))).await
}

/// Waits until the run of revision 2 is held by a dependency and says these words.
async fn await_hold(scene: &Scene<'_>, daemon_set: &str, words: &str) -> Result<()> {
    let mut last = None;
    let what = format!("{daemon_set} to say {words:?}");
    let found = eventually(&what, LONG, async || {
        let run = scene.runs(daemon_set).await?.into_iter().find(|run| run.spec.revision.number == 2);
        last = run.and_then(|run| run.status);
        Ok(last.as_ref().filter(|status| says(status, words)).map(|_| ()))
    });
    let found = found.await;
    found.with_context(|| format!("last status: {}", json!(last)))
}

fn says(status: &FleetRolloutStatus, words: &str) -> bool {
    let held = status.conditions.iter().find(|condition| condition.type_ == names::condition::HELD);
    held.is_some_and(|held| held.reason == "Dependency" && held.status == "True" && held.message.contains(words))
}
