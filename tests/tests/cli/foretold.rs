//! `drover plan` of YurtAppSets: what it foretells, and that this is what happens then.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use api::names;
use api::rollout_strategy::RolloutStrategy;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tests::fixture::{AppSet, Estate, eventually};

use super::LONG;
use super::sets::bed;
use super::user::{User, says};

const WEB: &str = "web";
/// Who may read everything that a plan needs, and write nothing.
const READER: &str = "foretold-reader";

/// The first pool, then the others.
fn strategy(estate: &Estate<'_>) -> Value {
    json!({
        "apiVersion": "drover.dev/v1alpha1", "kind": "RolloutStrategy", "metadata": {"name": "careful"},
        "spec": {"waves": [{"name": "canary", "pools": estate.pools[..1]}]},
    })
}

fn app_set(estate: &Estate<'_>, pools: usize) -> AppSet {
    let pools: Vec<&str> = estate.pools[..pools].iter().map(String::as_str).collect();
    AppSet::new(&estate.namespace, WEB).in_pools(&pools).annotation(names::STRATEGY, "careful")
}

/// Another image in the first two of these pools, one more pod in the third.
fn changed(estate: &Estate<'_>, pools: usize) -> AppSet {
    let image = json!({"containerImages": [{"name": "main", "targetImage": AppSet::image_of(WEB, "v2")}]});
    app_set(estate, pools)
        .tweak(json!({"pools": estate.pools[..2], "tweaks": image}))
        .tweak(json!({"pools": estate.pools[2..3], "tweaks": {"replicas": 2}}))
}

/// A file that a user writes manifests to.
struct File(PathBuf);

impl File {
    fn holds(&self, set: &AppSet) -> Result<&str> {
        std::fs::write(&self.0, set.object().to_string()).context("writing a manifest")?;
        self.0.to_str().context("the path of a manifest")
    }
}

/// A text as one line: where it breaks depends on its width.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What workloads are asked to be; nobody but appset-controller changes that.
async fn asked_for(estate: &Estate<'_>) -> Result<Value> {
    let generations =
        estate.children(WEB).await?.into_iter().map(|(pool, child)| (pool, child["metadata"]["generation"].clone()));
    let set = estate.sets().get_opt(WEB).await?.map(|set| set.metadata.generation);
    Ok(json!([set, generations.collect::<serde_json::Map<_, _>>()]))
}

#[tokio::test]
async fn a_change_of_a_set_happens_as_it_was_foretold() -> Result<()> {
    let bed = bed().await?;
    let estate = bed.estate("foretold", 4).await?;
    let admin = User::at(bed.cluster.kubeconfig(), "foretold");
    let file = File(bed.cluster.scratch()?.join("foretold-web.yaml"));
    let strategies: Api<RolloutStrategy> = Api::namespaced(estate.client.clone(), "foretold");
    let params = PatchParams::apply("drover-tests").force();
    strategies.patch("careful", &params, &Patch::Apply(&strategy(&estate))).await.context("applying a strategy")?;

    let first = app_set(&estate, 4);
    let words = [
        "The new YurtAppSet would be revision 1 (web-",
        "4 workloads are made, in 2 waves, with strategy careful",
        "1. canary 1 pool",
        "made: foretold-pool-1",
        "2. rest 3 pools",
        "First 1 pool: foretold-pool-1",
        "The API server takes the workloads in 1 dry run",
    ];
    says(&flat(&admin.asks(&["plan", "-f", file.holds(&first)?]).await?), &words)?;
    ensure!(asked_for(&estate).await? == json!([null, {}]), "a plan makes nothing");
    estate.deploy(&first, 4).await?;
    says(&admin.is_refused(&["plan", "-f", file.holds(&first)?]).await?, &["the YurtAppSet is the same as yas/web"])?;
    let before = asked_for(&estate).await?;
    says(
        &flat(&admin.asks(&["plan", "web"]).await?),
        &["A new pod template would be", "4 workloads are written, and their pods restart"],
    )?;

    refusals(&admin, &estate, &file).await?;
    offline_and_unseen(&admin, &estate, &file).await?;
    let plan: Value =
        serde_json::from_str(&admin.asks(&["plan", "-f", file.holds(&changed(&estate, 4))?, "-o", "json"]).await?)?;
    let fate = |pool: usize| (plan["pools"][pool]["fate"].as_str(), plan["pools"][pool]["wave"].as_str());
    ensure!([fate(0), fate(1)] == [(Some("Restarted"), Some("canary")), (Some("Restarted"), Some("rest"))], "{plan:#}");
    ensure!(fate(2) == (Some("Changed"), Some("rest")), "{plan:#}");
    ensure!(plan["pools"][2]["replicas"] == json!({"now": 1, "then": 2}), "{plan:#}");
    ensure!(plan["deleted"] == json!([]) && plan["first"] == json!(estate.pools[..1]), "{plan:#}");
    ensure!(plan["dryRuns"] == json!({"answered": 3}) && plan["refused"] == json!([]), "{plan:#}");
    ensure!(asked_for(&estate).await? == before, "a plan changes nothing");

    let pods = estate.pods(WEB).await?;
    estate.apply(&changed(&estate, 4)).await?;
    let set = estate.await_settled(WEB, 4).await?;
    ensure!(set["status"]["currentRevision"] == plan["revision"]["name"], "{set:#}");
    let now = estate.pods(WEB).await?;
    let same = |pool: usize| now[&estate.pools[pool]].intersection(&pods[&estate.pools[pool]]).count();
    ensure!([same(0), same(1), same(2), same(3)] == [0, 0, 1, 1], "pods were {pods:?} and are {now:?}");
    Ok(())
}

/// What nobody could make, and what the API server would not take: the plan says so, and the exit code.
async fn refusals(admin: &User, estate: &Estate<'_>, file: &File) -> Result<()> {
    let with =
        |patch: Value| app_set(estate, 4).tweak(json!({"pools": estate.pools[1..2], "tweaks": {"patches": [patch]}}));
    let nowhere = json!({"path": "/spec/nowhere/else", "operation": "replace", "value": 1});
    let never = json!({"path": "/spec/template/spec/restartPolicy", "operation": "add", "value": "Never"});
    for (patch, words) in [
        (
            nowhere,
            [
                "spec.workload.workloadTweaks[0].tweaks.patches[0]",
                "\"/spec/nowhere/else\" does not apply in pool foretold-pool-2",
            ],
        ),
        (never, ["spec.template.spec.restartPolicy", "Unsupported value: \"Never\""]),
    ] {
        let answer = admin.types_timed(&["plan", "-f", file.holds(&with(patch))?]).await?;
        ensure!(answer.code == Some(1), "{answer:?}");
        let said = flat(&answer.out);
        says(&said, &words)?;
        says(&said, &["is refused, and nothing is made of it", "(foretold-pool-2)", "refusals.hold"])?;
        says(&answer.err, &["4 pools would not get what the YurtAppSet asks for"])?;
    }
    // The definition's own rules.
    let odd = app_set(estate, 4).set("/spec/revisionHistoryLimit", json!(-1));
    says(&admin.is_refused(&["plan", "-f", file.holds(&odd)?]).await?, &["spec.revisionHistoryLimit"])
}

/// A pool without a node that is Ready, one that is not chosen any more, and a user who may only read.
async fn offline_and_unseen(admin: &User, estate: &Estate<'_>, file: &File) -> Result<()> {
    let group = "rbac.authorization.k8s.io";
    let rules = json!([
        {"apiGroups": ["drover.dev"], "resources": ["fleetrollouts", "rolloutstrategies"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "controllerrevisions"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps.openyurt.io"], "resources": ["yurtappsets", "nodepools"], "verbs": ["get", "list"]},
    ]);
    let api_version = format!("{group}/v1");
    let role = json!({"apiVersion": api_version, "kind": "ClusterRole", "metadata": {"name": READER}, "rules": rules});
    let binding = json!({
        "apiVersion": api_version, "kind": "ClusterRoleBinding", "metadata": {"name": READER},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": READER},
        "subjects": [{"apiGroup": group, "kind": "User", "name": READER}],
    });
    let cluster = &estate.bed.cluster;
    cluster.apply(&format!("{role}\n---\n{binding}")).await?;
    let question = ["auth", "can-i", "list", "nodepools.apps.openyurt.io", "--as", READER];
    eventually("the reader's rights", LONG, async || Ok(cluster.kubectl(&question).await.ok())).await?;
    estate.count_nodes(&estate.pools[2], 0, 1).await?;
    let said = flat(&admin.asks(&["plan", "-f", file.holds(&changed(estate, 3))?, "--as", READER]).await?);
    let words = [
        "2. rest 2 pools, 1 offline",
        "1 none of its nodes is Ready (foretold-pool-3)",
        "Deleted with their pods: Deployment web-foretold-pool-4-",
        "Not every workload was tried: you may not patch deployments.apps in namespace foretold",
        "! the manifest is taken as it stands, as the API server was not asked about it: you may not patch yurtappsets",
    ];
    says(&said, &words)?;
    estate.count_nodes(&estate.pools[2], 1, 0).await
}
