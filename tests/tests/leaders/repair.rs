//! Outputs that others delete or edit.

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Endpoints;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;
use tests::fixture::eventually;
use xtask::cluster::Component;

use super::site::Site;
use super::{LONG, bed};

#[tokio::test]
async fn what_is_deleted_is_made_again() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "erased", 1, &[("a", "10.11.0.1")]).await?;
    site.await_led_by(&["a"]).await?;
    let (name, now) = ("leader-hub-erased", DeleteParams::default());
    let old = site.endpoints().get(name).await?.uid();
    site.endpoints().delete(name, &now).await?;
    site.config_maps().delete(name, &now).await?;
    site.slices().delete("leader-hub-erased-ipv4", &now).await?;
    site.await_led_by(&["a"]).await?;
    ensure!(site.endpoints().get(name).await?.uid() != old, "these are the old Endpoints");
    Ok(())
}

#[tokio::test]
async fn what_is_edited_is_put_right_and_what_is_added_stays() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "edited", 1, &[("a", "10.12.0.1")]).await?;
    site.await_led_by(&["a"]).await?;
    let (name, params) = ("leader-hub-edited", PatchParams::default());
    let edit =
        json!({"data": {"leaders": "x/10.0.0.1", "note": "kept"}, "metadata": {"annotations": {"team": "edge"}}});
    site.config_maps().patch(name, &params, &Patch::Merge(edit)).await?;
    site.await_led_by(&["a"]).await?;
    let map = site.config_maps().get(name).await?;
    assert_eq!(map.data.as_ref().and_then(|data| data.get("note")).map(String::as_str), Some("kept"));
    assert_eq!(map.annotations()["team"], "edge");

    // Without its label it is none of what is watched.
    let edit = json!({"metadata": {"labels": {"endpointslice.kubernetes.io/skip-mirror": null}}, "subsets": null});
    site.endpoints().patch(name, &params, &Patch::Merge(edit)).await?;
    site.await_led_by(&["a"]).await?;
    eventually("the label", LONG, async || {
        let labels = site.endpoints().get(name).await?.labels().clone();
        Ok(labels.contains_key("endpointslice.kubernetes.io/skip-mirror").then_some(()))
    })
    .await?;
    let edit = json!({"endpoints": []});
    site.slices().patch("leader-hub-edited-ipv4", &params, &Patch::Merge(edit)).await?;
    site.await_led_by(&["a"]).await?;
    let edit = json!({"metadata": {"ownerReferences": null}});
    site.config_maps().patch(name, &params, &Patch::Merge(edit)).await?;
    eventually("the owner", LONG, async || {
        Ok((!site.config_maps().get(name).await?.owner_references().is_empty()).then_some(()))
    })
    .await
}

#[tokio::test]
async fn endpoints_survive_a_restart_of_the_controller_manager_without_a_gap() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "kept", 1, &[("a", "10.13.0.1")]).await?;
    site.await_led_by(&["a"]).await?;
    let before = site.endpoints().get("leader-hub-kept").await?;
    let version = before.resource_version().context("no version")?;
    let of = WatchParams::default().fields("metadata.name=leader-hub-kept").timeout(290);
    let mut changes = site.endpoints().watch(&of, &version).await?.boxed();

    let cluster = &bed.stage.cluster;
    cluster.kill(Component::ControllerManager).await?;
    // Endpoints like ours, but for what keeps ours: that they go shows that the controller-manager has looked.
    let unkept = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "leader-hub-unkept"}});
    let unkept: Endpoints = serde_json::from_value(unkept)?;
    site.endpoints().create(&PostParams::default(), &unkept).await?;
    cluster.restart(Component::ControllerManager).await?;
    eventually("other Endpoints to be deleted", LONG, async || {
        Ok(site.endpoints().get_opt("leader-hub-unkept").await?.is_none().then_some(()))
    })
    .await?;
    let after = site.endpoints().get("leader-hub-kept").await?;
    assert_eq!((after.uid(), &after.subsets), (before.uid(), &before.subsets));
    // An edit of our own ends the watch's story.
    let mark = Patch::Merge(json!({"metadata": {"annotations": {"seen": "yes"}}}));
    site.endpoints().patch("leader-hub-kept", &PatchParams::default(), &mark).await?;
    while let Some(change) = changes.try_next().await? {
        match change {
            WatchEvent::Modified(endpoints) if endpoints.annotations().contains_key("seen") => return Ok(()),
            WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Bookmark(_) => {}
            WatchEvent::Deleted(_) => anyhow::bail!("they were deleted"),
            WatchEvent::Error(error) => anyhow::bail!("the watch failed: {error:?}"),
        }
    }
    anyhow::bail!("the watch ended before its story")
}
