//! What OpenYurt made is taken over where it is: no pod restarts, nothing is made anew.

use anyhow::{Context as _, Result, ensure};
use api::names::app_set as names;
use serde_json::{Value, json};
use tests::fixture::{AppSet, Estate, Testbed, condition};

use super::inherited;
use super::legacy::Legacy;
use crate::container;

/// Deployments with what OpenYurt would never take away again.
pub(super) async fn web(bed: &Testbed) -> Result<Legacy> {
    let estate = bed.estate("adopted", 3).await?;
    Legacy::make(&estate, &web_of(&estate, ["0.5", "1024Mi"]), |_| ()).await
}

/// With so much of CPU and memory.
fn web_of(estate: &Estate<'_>, [cpu, memory]: [&str; 2]) -> AppSet {
    let container = |field: &str| format!("/spec/template/spec/containers/0/{field}");
    let set = estate.app_set("web").replicas(2).template("/metadata/labels/dropped", json!("later"));
    let set = set.template(&container("env"), json!([{"name": "DROPPED", "value": "later"}]));
    set.template(&container("resources"), json!({"limits": {"cpu": cpu, "memory": memory}}))
}

/// StatefulSets without a service, of which an autoscaler has one.
pub(super) async fn db(bed: &Testbed) -> Result<Legacy> {
    let estate = bed.estate("adopted-db", 2).await?;
    Legacy::make(&estate, &db_of(&estate), |_| ()).await?.scaled(&estate, &estate.pools[0], 2).await
}

fn db_of(estate: &Estate<'_>) -> AppSet {
    estate.app_set("db").stateful().template("/spec/serviceName", Value::Null)
}

/// Workloads of which a patch did not take away what it says (item 5 of contract 4.1).
pub(super) async fn unpatched(bed: &Testbed) -> Result<Legacy> {
    let estate = bed.estate("unpatched", 1).await?;
    let command = "/spec/template/spec/containers/0/command";
    let remove = json!([{"operation": "remove", "path": command}]);
    let mut tweak = json!({"nodepoolSelector": {}, "tweaks": {}});
    tweak["tweaks"]["patches"] = remove;
    let set = estate.app_set("web").template(command, json!(["run"])).tweak(tweak);
    Legacy::make(&estate, &set, |_| ()).await
}

/// Workloads whose YurtAppSet was deleted without them, and made again.
pub(super) async fn orphaned(bed: &Testbed) -> Result<Legacy> {
    let estate = bed.estate("orphaned", 1).await?;
    let orphan = |child: &mut Value| child["metadata"]["ownerReferences"] = json!([]);
    Legacy::make(&estate, &estate.app_set("web"), orphan).await
}

/// The same workloads with the same pods, of the same specs; and the YurtAppSet's.
async fn unchanged(legacy: &Legacy, place: &Estate<'_>) -> Result<()> {
    let set = place.await_settled(&legacy.set, legacy.children.len()).await?;
    let children = place.children(&legacy.set).await?;
    for (pool, before) in &legacy.children {
        let now = children.get(pool).with_context(|| format!("no workload in {pool}"))?;
        for field in ["name", "uid"] {
            assert_eq!(now["metadata"][field], before["metadata"][field], "{field} in {pool}");
        }
        assert_eq!(now["spec"], before["spec"], "{pool}");
        let owner = &now["metadata"]["ownerReferences"][0];
        assert_eq!((&owner["uid"], &owner["controller"]), (&set["metadata"]["uid"], &json!(true)), "{pool}");
        assert!(now["metadata"]["annotations"][names::TEMPLATE].is_string(), "it is Drover's: {now}");
        let managers = now["metadata"]["managedFields"].as_array().context("managed fields")?;
        let theirs = |entry: &&Value| entry["manager"] == names::YURT_MANAGER;
        ensure!(managers.iter().all(|entry| !theirs(&entry)), "still yurt-manager's: {managers:?}");
        ensure!(managers.iter().any(|entry| entry["manager"] == names::FIELD_MANAGER), "{managers:?}");
    }
    assert_eq!(place.pods(&legacy.set).await?, legacy.pods);
    assert_eq!(set["status"]["currentRevision"], legacy.revision);
    assert_eq!(place.revisions(&legacy.set).await?.len(), 1, "OpenYurt's revision is the revision");
    Ok(())
}

#[tokio::test]
async fn deployments_are_adopted_and_change_only_when_their_pool_does() -> Result<()> {
    let (bed, inheritance) = inherited().await?;
    let legacy = &inheritance.web;
    let place = legacy.place(bed)?;
    unchanged(legacy, &place).await?;

    // Replicas of one pool restart nothing, there where OpenYurt restarts everything. Nor does another spelling of quantities.
    let [scaled, changed, left] = [&place.pools[0], &place.pools[1], &place.pools[2]];
    let replicas = json!({"pools": [scaled], "tweaks": {"replicas": 3}});
    let set = web_of(&place, ["500m", "1Gi"]);
    place.deploy(&set.clone().tweak(replicas.clone()), 3).await?;
    let pods = place.pods("web").await?;
    assert!(pods[scaled].is_superset(&legacy.pods[scaled]) && pods[scaled].len() == 3);
    assert_eq!((&pods[changed], &pods[left]), (&legacy.pods[changed], &legacy.pods[left]));

    // An image for one pool restarts that one, whose pods lose OpenYurt's label of the revision.
    let image = json!([{"name": "main", "targetImage": AppSet::image_of("web", "v2")}]);
    let image = json!({"pools": [changed], "tweaks": {"containerImages": image}});
    place.deploy(&set.tweak(replicas.clone()).tweak(image.clone()), 3).await?;
    let after = place.pods("web").await?;
    assert!(after[changed].is_disjoint(&pods[changed]));
    assert_eq!((&after[scaled], &after[left]), (&pods[scaled], &pods[left]));
    let on_pods = |child: &Value| child["spec"]["template"]["metadata"]["labels"][names::REVISION].clone();
    assert_eq!(on_pods(&place.child("web", changed).await?), Value::Null);
    assert_eq!(on_pods(&place.child("web", left).await?), json!(legacy.revision));

    // What the template drops is dropped, though it was yurt-manager who wrote it.
    place.deploy(&place.app_set("web").replicas(2).tweak(replicas).tweak(image), 3).await?;
    for (pool, child) in place.children("web").await? {
        assert_eq!(
            (&child["metadata"]["labels"]["dropped"], container(&child, "env")),
            (&Value::Null, &Value::Null),
            "{pool}"
        );
        assert_eq!(child["metadata"]["uid"], legacy.children[&pool]["metadata"]["uid"], "{pool}");
    }
    Ok(())
}

#[tokio::test]
async fn stateful_sets_are_adopted_and_upgraded_where_they_are() -> Result<()> {
    let (bed, inheritance) = inherited().await?;
    let legacy = &inheritance.db;
    let place = legacy.place(bed)?;
    unchanged(legacy, &place).await?;
    // Replicas that an autoscaler set are kept, and that is said.
    place.await_condition("db", "AppUpdated", "True", &["the replicas of StatefulSet db-", " stay as "]).await?;
    // What cannot be changed is tried, and the API server says so (item 16 of contract 4.1).
    let set = db_of(&place).tag("v2");
    place.apply(&set.clone().template("/spec/podManagementPolicy", json!("OrderedReady"))).await?;
    place.await_condition("db", "AppUpdated", "False", &["UpdateWorkloadError", "updates to statefulset spec"]).await?;
    place.deploy(&set, 2).await?;
    for (pool, child) in place.children("db").await? {
        assert_eq!(child["spec"]["replicas"], legacy.children[&pool]["spec"]["replicas"], "{pool}");
        assert_eq!(child["metadata"]["uid"], legacy.children[&pool]["metadata"]["uid"], "{pool}");
        assert_eq!(container(&child, "image"), &json!(AppSet::image_of("db", "v2")), "{pool}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_patch_did_not_do_there_is_done_with_the_next_change() -> Result<()> {
    let (bed, inheritance) = inherited().await?;
    let legacy = &inheritance.unpatched;
    let place = legacy.place(bed)?;
    unchanged(legacy, &place).await?;
    let pool = &place.pools[0];
    assert_eq!(container(&place.child("web", pool).await?, "command"), &json!(["run"]), "no reason to restart pods");
    let image = json!({"spec": {"workload": {"workloadTweaks": [{
        "nodepoolSelector": {},
        "tweaks": {
            "containerImages": [{"name": "main", "targetImage": AppSet::image_of("web", "v2")}],
            // In a list, a merge patch takes the null out.
            "patches": [{"operation": "replace", "path": "/spec/template/spec/containers/0/command", "value": null}],
        },
    }]}}});
    place.change("web", &image).await?;
    place.await_settled("web", 1).await?;
    let child = place.child("web", pool).await?;
    assert_eq!(
        (container(&child, "command"), container(&child, "image")),
        (&Value::Null, &json!(AppSet::image_of("web", "v2")))
    );
    Ok(())
}

#[tokio::test]
async fn an_orphan_in_a_chosen_pool_gets_its_owner_and_keeps_its_pods() -> Result<()> {
    let (bed, inheritance) = inherited().await?;
    let place = inheritance.orphaned.place(bed)?;
    unchanged(&inheritance.orphaned, &place).await
}

/// With this service's configuration; without it all pools are held (`refusals`).
#[tokio::test]
async fn a_pool_that_is_refused_can_be_held_alone() -> Result<()> {
    let (bed, _) = inherited().await?;
    let place = bed.estate("alone", 2).await?;
    let set = place.app_set("web");
    place.deploy(&set, 2).await?;
    let [good, bad] = [&place.pools[0], &place.pools[1]];
    let port = json!({"pools": [bad], "tweaks": {"patches": [
        {"operation": "add", "path": "/spec/template/spec/containers/0/ports", "value": [{"containerPort": 99_999}]},
    ]}});
    place.apply(&set.tag("v2").tweak(port)).await?;
    let said = place.await_condition("web", "AppUpdated", "False", &["UpdateWorkloadError", bad, "99999"]).await?;
    ensure!(!condition(&said, "AppUpdated").to_string().contains(&format!("{good}:")), "{said}");
    let image = json!(AppSet::image_of("web", "v2"));
    place.await_child("web", good, "the new image", |child| container(child, "image") == &image).await?;
    assert_eq!(container(&place.child("web", bad).await?, "image"), &json!(AppSet::image_of("web", "v1")));
    Ok(())
}
