//! Objects that OpenYurt's definition lets pass. One of them is enough there to end yurt-manager, with all its controllers, at every
//! start (item 6 of contract 4.1). They are there before the service starts.

use anyhow::{Context as _, Result};
use api::names::app_set::event_reason;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use tests::fixture::{APPSET_USER, AppSet, Estate, Testbed, eventually};

use super::inherited;
use crate::refusal;

const NAMESPACE: &str = "odd";

/// A name of 64 characters.
const LONG: &str = "a-name-that-is-one-character-longer-than-the-value-of-a-label-is";

/// One of them, and what is said of it: in a condition, and in an event.
struct Odd {
    set: AppSet,
    condition: &'static str,
    reason: &'static str,
    says: &'static str,
}

/// Its workloads cannot be made, for what its workload says.
fn unmade(set: AppSet, says: &'static str) -> Odd {
    Odd { set, condition: "AppDispatched", reason: event_reason::NOT_CREATED, says }
}

fn all(estate: &Estate<'_>) -> Vec<Odd> {
    let set = |name: &str| estate.app_set(name);
    let near = json!({"matchExpressions": [{"key": "a", "operator": "Near"}]});
    let template = set("both").object()["spec"]["workload"]["workloadTemplate"]["deploymentTemplate"].clone();
    let both = json!({"deploymentTemplate": template, "statefulSetTemplate": template});
    let patch = |patch: Value| json!({"tweaks": {"patches": [patch]}});
    vec![
        Odd {
            set: set("operator").set("/spec/nodepoolSelector", near.clone()),
            condition: "PoolFound",
            reason: event_reason::INVALID,
            says: "spec.nodepoolSelector.matchExpressions[0].operator: \"Near\" is not In, NotIn, Exists or DoesNotExist",
        },
        Odd {
            set: set("empty").set("/spec", json!({})),
            condition: "PoolFound",
            reason: event_reason::NO_FIND_POOLS,
            says: "There are no matched nodepools",
        },
        unmade(
            set("tweak").tweak(json!({"nodepoolSelector": near, "tweaks": {}})),
            "spec.workload.workloadTweaks[0].nodepoolSelector.matchExpressions[0].operator: \"Near\"",
        ),
        unmade(
            set("nothing").set("/spec/workload", json!({"workloadTemplate": {}})),
            "spec.workload.workloadTemplate: {} is not exactly one of deploymentTemplate and statefulSetTemplate, but none",
        ),
        unmade(
            set("both").set("/spec/workload/workloadTemplate", both),
            "exactly one of deploymentTemplate and statefulSetTemplate, but both",
        ),
        unmade(
            set("move").tweak(patch(json!({"operation": "move", "path": "/spec"}))),
            "spec.workload.workloadTweaks[0].tweaks.patches[0].operation: \"move\" is not add, remove or replace",
        ),
        unmade(
            set("pointer").tweak(patch(json!({"operation": "remove", "path": "spec"}))),
            "spec.workload.workloadTweaks[0].tweaks.patches[0].path: \"spec\" is not a JSON pointer",
        ),
        // Drover's own definition refuses such a name: it cannot be a label's value.
        unmade(
            set(LONG).template("/metadata/labels", json!({})),
            "metadata.labels[apps.openyurt.io/ref-yurtappset] of the workload in pool odd-pool-1",
        ),
        unmade(set("words").set("/spec/workload", json!("words")), "spec.workload: \"words\" is not an object"),
    ]
}

/// A limit that ends there in an index out of range. Here it is said, and all else works.
fn limited(estate: &Estate<'_>) -> AppSet {
    estate.app_set("limit").set("/spec/revisionHistoryLimit", json!(-3))
}

/// Makes them all.
pub(super) async fn make(bed: &Testbed) -> Result<()> {
    let estate = bed.estate(NAMESPACE, 1).await?;
    for odd in all(&estate) {
        estate.apply(&odd.set).await?;
    }
    estate.apply(&limited(&estate)).await?;
    // Not even a spec.
    let bare = json!({"apiVersion": "apps.openyurt.io/v1beta1", "kind": "YurtAppSet", "metadata": {"name": "bare"}});
    let bare = serde_json::from_value(bare)?;
    estate.sets().create(&PostParams::default(), &bare).await.context("making one without a spec")?;
    Ok(())
}

fn place(bed: &'static Testbed) -> Result<Estate<'static>> {
    let (namespace, pools) = (NAMESPACE.to_owned(), vec![format!("{NAMESPACE}-pool-1")]);
    Ok(Estate { bed, namespace, pools, client: bed.cluster.client()? })
}

#[tokio::test]
async fn item_6_odd_objects_are_said_by_the_path_of_their_field_and_end_nothing() -> Result<()> {
    let (bed, _) = inherited().await?;
    let estate = place(bed)?;
    for Odd { set, condition, reason, says } in all(&estate) {
        estate.await_condition(set.name(), condition, "False", &[says]).await?;
        estate.await_event(set.name(), reason, says).await?;
    }
    estate.await_condition("bare", "PoolFound", "False", &["NoFindPools"]).await?;
    let limit = "spec.revisionHistoryLimit: -3 is not an integer of at least 0; no revision is deleted";
    estate.await_condition("limit", "AppUpdated", "True", &[limit]).await?;
    estate.await_event("limit", event_reason::INVALID, limit).await?;
    estate.await_settled("limit", 1).await?;
    for (kind, count) in [("Deployment", 1), ("StatefulSet", 0)] {
        assert_eq!(estate.objects("apps/v1", kind).list(&ListParams::default()).await?.items.len(), count, "{kind}");
    }
    // A run that went on says so too, when nobody can say any more which pools it is about.
    let near = json!({"matchExpressions": [{"key": "a", "operator": "Near"}]});
    estate.change("limit", &json!({"spec": {"nodepoolSelector": near}})).await?;
    let runs = estate.objects("drover.dev/v1alpha1", "FleetRollout");
    let held = async || {
        let runs = runs.list(&ListParams::default()).await.context("listing FleetRollouts")?.items;
        let mut mine = runs.iter().filter(|run| run.data["spec"]["targetRef"]["name"] == "limit");
        let held = mine.find(|run| run.data["status"]["phase"] == "Held");
        Ok(held.map(|run| run.data["status"]["conditions"].to_string()))
    };
    crate::has(&eventually("a run that is held", crate::MINUTE, held).await?, &["RevisionRefused", "is not In, NotIn"]);
    Ok(())
}

/// Version v1alpha1 is OpenYurt's alone; whoever asks for it is told that nobody converts, and Drover never does.
#[tokio::test]
async fn item_18_nobody_asks_for_another_version_than_is_stored() -> Result<()> {
    let (bed, _) = inherited().await?;
    let old = bed.cluster.kubectl(&["get", "yurtappsets.v1alpha1.apps.openyurt.io", "--all-namespaces"]).await;
    crate::has(&refusal(old)?, &["yurt-manager-webhook-service"]);
    let failed = bed.calls(|calls| {
        let mine = calls.iter().filter(|call| call.user == APPSET_USER && call.resource == "yurtappsets");
        mine.filter(|call| call.code >= 500).cloned().collect::<Vec<_>>()
    })?;
    assert!(failed.is_empty(), "{failed:?}");
    Ok(())
}
