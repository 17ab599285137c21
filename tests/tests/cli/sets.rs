//! `drover` and YurtAppSets: everything that a user asks and does, of one that goes through waves.

use anyhow::{Context as _, Result, ensure};
use api::approval_request::ApprovalRequest;
use api::fleet_rollout::{FleetRollout, Phase};
use api::names::{self, app_set};
use api::rollout_strategy::RolloutStrategy;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tests::fixture::{APPSET_CONTROLLER, AppSet, Estate, Pace, Service, ServiceSpec, Testbed, eventually};
use tokio::sync::OnceCell;

use super::user::{User, says};
use super::{A_WHILE, LONG};

const WEB: &str = "web";
/// Longer than any test, in seconds.
const FOREVER: u32 = 36_000;
/// After so many seconds Kubernetes says that a workload gets nowhere.
const NOWHERE: u32 = 3;

/// A canary that is watched for ever, two shops that somebody approves, and two others. One failure halts.
fn strategy(estate: &Estate<'_>) -> Value {
    let waves = json!([
        {"name": "canary", "pools": estate.pools[..1], "soakSeconds": FOREVER},
        {"name": "shops", "pools": estate.pools[1..3], "approval": "BeforeWave"},
    ]);
    json!({
        "apiVersion": "drover.dev/v1alpha1", "kind": "RolloutStrategy", "metadata": {"name": "careful"},
        "spec": {"waves": waves, "failurePolicy": {"maxFailures": 0}},
    })
}

/// A release that is good but in the third pool.
fn broken_in_a_shop(estate: &Estate<'_>) -> AppSet {
    let image = AppSet::image_of(WEB, "broken");
    let soon = json!({"path": "/spec/progressDeadlineSeconds", "operation": "add", "value": NOWHERE});
    let tweaks = json!({"containerImages": [{"name": "main", "targetImage": image}], "patches": [soon]});
    let web = estate.app_set(WEB).tag("v2").annotation(names::STRATEGY, "careful");
    web.tweak(json!({"pools": estate.pools[2..3], "tweaks": tweaks}))
}

/// One cluster and one service for everything about YurtAppSets.
pub(super) async fn bed() -> Result<&'static Testbed> {
    static BED: OnceCell<(Testbed, Service)> = OnceCell::const_new();
    let made = BED.get_or_try_init(async || {
        let bed = Testbed::for_app_sets(Pace::calm()).await?;
        let controller = ServiceSpec::new(APPSET_CONTROLLER).env("DROVER_TIMING__FAILED_AFTER", "1s");
        let service = bed.appset_controller(controller).await?;
        anyhow::Ok((bed, service))
    });
    Ok(&made.await?.0)
}

async fn await_phase(estate: &Estate<'_>, number: i64, phase: Phase) -> Result<()> {
    let api: Api<FleetRollout> = Api::namespaced(estate.client.clone(), &estate.namespace);
    let what = format!("run {number} to be {phase:?}");
    let mut last = None;
    let found = eventually(&what, LONG, async || {
        let runs = api.list(&ListParams::default()).await.context("listing FleetRollouts")?.items;
        last = runs.into_iter().find(|run| run.spec.revision.number == number).and_then(|run| run.status);
        Ok(last.as_ref().is_some_and(|status| status.phase == phase).then_some(()))
    });
    let found = found.await;
    found.with_context(|| format!("last status: {}", json!(last)))
}

/// Lets the run of a revision go on behind its canary.
async fn passes(admin: &User, estate: &Estate<'_>, number: i64) -> Result<()> {
    says(&admin.does(&["promote", "yas/web", "--through", "canary"]).await?, &["promoted through wave \"canary\""])?;
    await_phase(estate, number, Phase::AwaitingApproval).await?;
    let requests: Api<ApprovalRequest> = Api::namespaced(estate.client.clone(), &estate.namespace);
    eventually("a question that nobody answered", LONG, async || {
        let all = requests.list(&ListParams::default()).await.context("listing ApprovalRequests")?;
        Ok(all.items.iter().any(|request| request.spec.decision.is_none()).then_some(()))
    })
    .await?;
    says(&admin.asks(&["status", "yas/web"]).await?, &["→ drover approve yas/web -n sets"])?;
    says(&admin.does(&["approve", "yas/web", "shops"]).await?, &["wave \"shops\"", "approved by"])
}

#[tokio::test]
async fn a_set_is_shown_pool_by_pool_and_steered_by_its_name() -> Result<()> {
    let bed = bed().await?;
    let estate = bed.estate("sets", 5).await?;
    let admin = User::at(bed.cluster.kubeconfig(), "sets");
    let words = ["yas/web has no rollout in namespace sets: there is no YurtAppSet of that name", "→ `kubectl get yas"];
    says(&admin.is_refused(&["status", "yas/web"]).await?, &words)?;

    let strategies: Api<RolloutStrategy> = Api::namespaced(estate.client.clone(), "sets");
    let params = PatchParams::apply("drover-tests").force();
    strategies.patch("careful", &params, &Patch::Apply(&strategy(&estate))).await.context("applying a strategy")?;
    estate.apply(&estate.app_set(WEB)).await?;
    await_phase(&estate, 1, Phase::Completed).await?;
    says(&admin.asks(&["status", "yas/web"]).await?, &["✔ Completed", "5/5", "sets-pool-1", "✔ updated, 1 pod"])?;
    let words = ["web → revision 1", "pool sets-pool-1 of wave", "1 of 1 pods updated", "done: all its pods"];
    says(&admin.asks(&["explain", "sets-pool-1", "yas/web"]).await?, &words)?;

    estate.apply(&broken_in_a_shop(&estate)).await?;
    await_phase(&estate, 2, Phase::Soaking).await?;
    let words =
        ["◔ Soaking", "├─ ✔ canary", "├─ ○ shops", "└─ ○ rest", "→ drover promote yas/web -n sets --through canary"];
    says(&admin.asks(&["status", "yas/web"]).await?, &words)?;
    let words = ["not updated: wave \"canary\" has succeeded and is watched until", "→ drover promote yas/web -n sets"];
    says(&admin.asks(&["explain", "sets-pool-2", "yas/web"]).await?, &words)?;
    says(&admin.asks(&["explain", "sets-pool-4"]).await?, &["not updated: it waits for wave \"shops\""])?;
    let words = ["neither a node nor a pool of web", "kubectl get nodepools"];
    says(&admin.is_refused(&["explain", "nowhere", "yas/web"]).await?, &words)?;

    says(&admin.does(&["pause", "yas/web"]).await?, &["paused", "→ drover resume yas/web -n sets"])?;
    await_phase(&estate, 2, Phase::Paused).await?;
    says(&admin.asks(&["status", "yas/web"]).await?, &["‖ Paused", "→ drover resume yas/web -n sets"])?;
    says(&admin.does(&["resume", "yas/web"]).await?, &["resumed"])?;
    passes(&admin, &estate, 2).await?;

    await_phase(&estate, 2, Phase::Halted).await?;
    let words = ["✖ Halted", "✖ failed, ", "Deployment web-sets-pool-3-", "→ drover rollback yas/web -n sets"];
    says(&admin.asks(&["status", "yas/web"]).await?, &words)?;
    let words = ["pool sets-pool-3 of wave \"shops\"", "failed: it has the revision", "Kubernetes says:"];
    says(&admin.asks(&["explain", "sets-pool-3", "yas/web"]).await?, &words)?;
    let words = ["not updated: the run is halted:", "→ drover rollback yas/web -n sets, or drover resume yas/web"];
    says(&admin.asks(&["explain", "sets-pool-4", "yas/web"]).await?, &words)?;
    says(&admin.is_refused(&["resume", "yas/web"]).await?, &["is halted", "--after-halt"])?;
    let shown: Value = serde_json::from_str(&admin.asks(&["status", "yas/web", "-o", "json"]).await?)?;
    let state = |wave: usize, pool: usize| shown["waves"][wave]["pools"][pool]["unit"]["state"].clone();
    ensure!((state(0, 0), state(1, 1)) == (json!("Updated"), json!("Failed")), "{shown}");

    says(&admin.does(&["rollback", "yas/web"]).await?, &["goes back to the workload of revision 1"])?;
    await_phase(&estate, 3, Phase::Soaking).await?;
    passes(&admin, &estate, 3).await?;
    await_phase(&estate, 3, Phase::Completed).await?;
    says(&admin.does(&["history", "yas/web"]).await?, &["» Superseded", "✔ Completed"])?;

    estate.apply(&broken_in_a_shop(&estate).tag("v4")).await?;
    await_phase(&estate, 4, Phase::Soaking).await?;
    says(&admin.does(&["abort", "yas/web"]).await?, &["aborted", "→ drover rollback yas/web -n sets"])?;
    await_phase(&estate, 4, Phase::Aborted).await?;
    says(&admin.asks(&["status", "yas/web"]).await?, &["■ Aborted", "→ drover resume yas/web -n sets"])?;

    // What the set's own status says is said too.
    estate.change(WEB, &json!({"metadata": {"annotations": {(app_set::PINNED): "{"}}})).await?;
    estate.await_condition(WEB, app_set::condition::APP_UPDATED, "False", &["pinned-revisions"]).await?;
    says(&admin.asks(&["status", "yas/web"]).await?, &["! AppUpdated is False", "drover.dev/pinned-revisions"])?;
    estate.quiet(A_WHILE).await.map(drop)
}
