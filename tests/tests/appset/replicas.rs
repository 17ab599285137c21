//! Replicas beside an autoscaler.

use anyhow::{Context as _, Result};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tests::fixture::{AppSet, Estate};

use super::{container, estate};

/// There every revision writes replicas, and undoes what an autoscaler did.
#[tokio::test]
async fn item_11_what_an_autoscaler_set_survives_every_revision() -> Result<()> {
    let estate = estate("scaled", 2).await?;
    let [web, db] = [estate.app_set("web"), estate.app_set("db").stateful()];
    tokio::try_join!(autoscaled(&estate, web), autoscaled(&estate, db)).map(drop)
}

async fn autoscaled(estate: &Estate<'_>, set: AppSet) -> Result<()> {
    let set = set.template("/spec/replicas", Value::Null);
    estate.deploy(&set, 2).await?;
    let [scaled, pinned] = [&estate.pools[0], &estate.pools[1]];
    let child = estate.child(set.name(), scaled).await?;
    let (kind, name) = (&child["kind"], &child["metadata"]["name"]);
    // A real HorizontalPodAutoscaler: without any metric it sees to its minimum.
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": set.name()},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name},
            "minReplicas": 3, "maxReplicas": 6,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
        },
    });
    let autoscalers = estate.objects("autoscaling/v2", "HorizontalPodAutoscaler");
    let user = PatchParams::apply("user");
    autoscalers.patch(set.name(), &user, &Patch::Apply(&autoscaler)).await.context("an autoscaler")?;
    estate.await_child(set.name(), scaled, "three pods", |child| child["status"]["readyReplicas"] == 3).await?;

    // The other pool's tweak, and the revision, write replicas there and nowhere else.
    let next = set.tag("v2").tweak(json!({"pools": [pinned], "tweaks": {"replicas": 2}}));
    estate.deploy(&next, 2).await?;
    let child = estate.child(next.name(), scaled).await?;
    assert_eq!(
        (&child["spec"]["replicas"], container(&child, "image")),
        (&json!(3), &json!(AppSet::image_of(next.name(), "v2")))
    );
    assert_eq!(estate.child(next.name(), pinned).await?["spec"]["replicas"], 2);
    Ok(())
}

/// Server-side apply alone would set them to Kubernetes' default, 1, in every pool at once.
#[tokio::test]
async fn replicas_that_a_set_leaves_out_stay_what_they_are() -> Result<()> {
    let estate = estate("handed", 2).await?;
    let [web, db] = [estate.app_set("web"), estate.app_set("db").stateful()];
    tokio::try_join!(handed(&estate, web), handed(&estate, db)).map(drop)
}

async fn handed(estate: &Estate<'_>, set: AppSet) -> Result<()> {
    let set = set.template("/spec/replicas", json!(3)).template("/spec/revisionHistoryLimit", json!(4));
    estate.deploy(&set, 2).await?;
    // With them goes another field, which is dropped as ever.
    let next =
        set.tag("v2").template("/spec/replicas", Value::Null).template("/spec/revisionHistoryLimit", Value::Null);
    estate.deploy(&next, 2).await?;
    for pool in &estate.pools {
        let child = estate.child(next.name(), pool).await?;
        let spec = &child["spec"];
        assert_eq!((&spec["replicas"], &spec["revisionHistoryLimit"]), (&json!(3), &json!(10)), "{pool}");
        assert_eq!(container(&child, "image"), &json!(AppSet::image_of(next.name(), "v2")));
    }
    // What somebody sets from now on stays, too.
    let pool = &estate.pools[0];
    let child = estate.child(next.name(), pool).await?;
    let (kind, name) = (child["kind"].as_str(), child["metadata"]["name"].as_str().context("a name")?);
    let scaled = json!({"spec": {"replicas": 5}});
    let workloads = estate.objects("apps/v1", kind.context("a kind")?);
    workloads.patch(name, &PatchParams::default(), &Patch::Merge(&scaled)).await.context("by hand")?;
    let next = next.tag("v3");
    estate.deploy(&next, 2).await?;
    assert_eq!(estate.child(next.name(), pool).await?["spec"]["replicas"], 5);
    Ok(())
}
