//! Replicas beside an autoscaler.

use anyhow::{Context as _, Result};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tests::fixture::AppSet;

use super::{container, estate};

/// There every revision writes replicas, and undoes what an autoscaler did.
#[tokio::test]
async fn item_11_what_an_autoscaler_set_survives_every_revision() -> Result<()> {
    let estate = estate("scaled", 2).await?;
    let set = estate.app_set("web").template("/spec/replicas", Value::Null);
    estate.deploy(&set, 2).await?;
    let [scaled, pinned] = [&estate.pools[0], &estate.pools[1]];
    let name = estate.child("web", scaled).await?["metadata"]["name"].as_str().context("a name")?.to_owned();
    // A real HorizontalPodAutoscaler: without any metric it sees to its minimum.
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": 3, "maxReplicas": 6,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
        },
    });
    let autoscalers = estate.objects("autoscaling/v2", "HorizontalPodAutoscaler");
    autoscalers.patch("web", &PatchParams::apply("user"), &Patch::Apply(&autoscaler)).await.context("an autoscaler")?;
    estate.await_child("web", scaled, "three pods", |child| child["status"]["readyReplicas"] == 3).await?;

    // The other pool's tweak, and the revision, write replicas there and nowhere else.
    let next = set.tag("v2").tweak(json!({"pools": [pinned], "tweaks": {"replicas": 2}}));
    estate.deploy(&next, 2).await?;
    let child = estate.child("web", scaled).await?;
    assert_eq!(
        (&child["spec"]["replicas"], container(&child, "image")),
        (&json!(3), &json!(AppSet::image_of("web", "v2")))
    );
    assert_eq!(estate.child("web", pinned).await?["spec"]["replicas"], 2);
    Ok(())
}
