//! A pod that somebody deletes and makes again under its name, just when the updater deletes it.

use anyhow::{Context as _, Result};
use api::controller_revision::{ControllerRevision, newest};
use api::fleet_rollout::Phase;
use api::names;
use jiff::SignedDuration;
use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tests::fixture::{Pace, Scene, Testbed, UpdaterSpec};
use xtask::cluster::Component;
use xtask::daemonsets::Daemon;

use super::{LONG, await_status, calls};

#[tokio::test]
async fn a_pod_of_the_same_name_is_not_the_pod_that_was_decided_on() -> Result<()> {
    // The updater stands still meanwhile, for as long as that takes: neither its write nor its lease may run out.
    let mut pace = Pace::calm();
    (pace.lease, pace.write_timeout) = (SignedDuration::from_mins(4), SignedDuration::from_mins(1));
    let bed = Testbed::start(pace).await?;
    let updater = bed.updater(UpdaterSpec::default().env("DROVER_FAULTS", "delay-10000:1:delete/pods")).await?;
    let scene = bed.scene("recreated", 1, 1).await?;
    let agent = scene.deploy("agent", "1").await?;
    agent.release("v2").await?;
    updater.process.await_line("injecting a fault", LONG).await?;
    updater.process.pause()?;
    let mine = make_again(&scene, &agent).await?;
    updater.process.resume()?;

    await_status(&scene, "agent", 2, "a unit that moved by itself", |status| {
        status.phase == Phase::Completed && (status.units.settled, status.units.uncontrolled) == (1, 1)
    })
    .await?;
    let deletes: Vec<_> = calls(&scene)?.into_iter().filter(|call| call.kind() == "delete pods").collect();
    assert_eq!(deletes.len(), 1, "{deletes:?}");
    assert_eq!((deletes[0].code, deletes[0].name.as_str()), (409, mine.name_any().as_str()));
    assert_eq!(scene.uids(&agent).await?.into_values().collect::<Vec<_>>(), [mine.uid().unwrap_or_default()]);
    scene.finish_done().await?;
    let exit = updater.process.terminate(LONG).await?;
    assert!(exit.success(), "{exit}");
    Ok(())
}

/// Deletes the DaemonSet's only pod and makes another of its name, at the newest revision. The DaemonSet controller must not
/// be the first to replace it.
async fn make_again(scene: &Scene<'_>, daemon: &Daemon) -> Result<Pod> {
    let set = daemon.get().await?;
    let revisions: Api<apps::ControllerRevision> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let revisions = revisions.list(&ListParams::default()).await.context("listing revisions")?.items;
    let revisions: Vec<ControllerRevision> = serde_json::from_value(json!(revisions))?;
    let newest = newest(&revisions, &set.uid().unwrap_or_default()).context("no revision")?;
    let hash = newest.hash().context("a revision without a hash")?;
    let old = daemon.pods().await?.pop().context("no pod")?;
    let mut new = Pod { metadata: kube::api::ObjectMeta::default(), spec: old.spec.clone(), status: None };
    new.metadata.name = Some(old.name_any());
    new.metadata.owner_references.clone_from(&old.metadata.owner_references);
    new.metadata.labels = Some(old.labels().clone());
    new.labels_mut().insert(names::REVISION_HASH.to_owned(), hash.to_owned());
    let template = set.spec.and_then(|spec| spec.template.spec).context("no template")?;
    new.spec.as_mut().context("a pod without a spec")?.containers = template.containers;

    let cluster = &scene.bed.cluster;
    cluster.kill(Component::ControllerManager).await?;
    let pods: Api<Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
    pods.delete(&old.name_any(), &DeleteParams::default().grace_period(0)).await.context("deleting the pod")?;
    let made = pods.create(&PostParams::default(), &new).await.context("making the pod again")?;
    cluster.restart(Component::ControllerManager).await?;
    Ok(made)
}
