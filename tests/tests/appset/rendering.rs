//! What a pool's workload is: template, tweaks in order, then patches, as a user writes them.

use anyhow::Result;
use api::names::app_set as names;
use serde_json::{Value, json};
use tests::fixture::{AppSet, Estate};

use super::{container, estate};

/// Two containers, of which the first has what the second must not inherit, and an init container.
fn rich(estate: &Estate<'_>) -> AppSet {
    let main = json!({
        "name": "main", "image": AppSet::image_of("web", "v1"), "command": ["run"],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    });
    let log = json!({"name": "log", "image": "registry.local/log:v1"});
    let init = json!({"name": "init", "image": "registry.local/init:v1"});
    let pods = |field: &str| format!("/spec/template/spec/{field}");
    let set = estate.app_set("web").template("/metadata/annotations/example.org~1team", json!("edge"));
    set.template(&pods("containers"), json!([main, log])).template(&pods("initContainers"), json!([init]))
}

fn patches(pool: &str, patches: Value) -> Value {
    let mut tweak = json!({"pools": [pool], "tweaks": {}});
    tweak["tweaks"]["patches"] = patches;
    tweak
}

fn containers(child: &Value) -> &Value {
    &child["spec"]["template"]["spec"]["containers"]
}

/// There a patched object is read back into the one that it was: what is removed survives, and what is inserted inherits.
#[tokio::test]
async fn item_5_patches_do_what_rfc_6902_says() -> Result<()> {
    let estate = estate("patches", 5).await?;
    let [removed, gone, added, replaced, map] = estate.pools.clone().try_into().unwrap_or_default();
    let main = "/spec/template/spec/containers/0";
    let from = json!({"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}});
    let sidecar = json!({"name": "sidecar", "image": "registry.local/sidecar:v1"});
    let set = rich(&estate)
        .tweak(patches(
            &removed,
            json!([
                {"operation": "remove", "path": format!("{main}/command")},
                {"operation": "remove", "path": format!("{main}/env/0")},
                // The template says nothing of these, and OpenYurt has them all the same.
                {"operation": "add", "path": format!("{main}/resources/limits"), "value": {"cpu": "0.5"}},
                {"operation": "replace", "path": "/spec/strategy", "value": {"type": "Recreate"}},
            ]),
        ))
        .tweak(patches(&gone, json!([{"operation": "remove", "path": main}])))
        .tweak(patches(&added, json!([{"operation": "add", "path": main, "value": sidecar}])))
        .tweak(patches(&replaced, json!([{"operation": "replace", "path": format!("{main}/env/0"), "value": from}])))
        .tweak(patches(
            &map,
            json!([{"operation": "replace", "path": "/metadata/annotations", "value": {"only": "this"}}]),
        ));
    estate.deploy(&set, 5).await?;

    let child = estate.child("web", &removed).await?;
    assert_eq!(
        (container(&child, "command"), container(&child, "env")),
        (&Value::Null, &json!([{"name": "B", "value": "2"}]))
    );
    assert_eq!(
        (container(&child, "resources"), &child["spec"]["strategy"]),
        (&json!({"limits": {"cpu": "500m"}}), &json!({"type": "Recreate"}))
    );
    let child = estate.child("web", &gone).await?;
    assert_eq!(containers(&child).as_array().map(Vec::len), Some(1));
    assert_eq!(
        (container(&child, "name"), container(&child, "command"), container(&child, "env")),
        (&json!("log"), &Value::Null, &Value::Null)
    );
    let child = estate.child("web", &added).await?;
    let names: Vec<_> =
        containers(&child).as_array().into_iter().flatten().map(|container| container["name"].clone()).collect();
    assert_eq!(names, ["sidecar", "main", "log"]);
    assert_eq!((container(&child, "command"), container(&child, "env")), (&Value::Null, &Value::Null));
    assert_eq!(containers(&child)[1]["command"], json!(["run"]));
    let child = estate.child("web", &replaced).await?;
    assert_eq!(container(&child, "env"), &json!([from, {"name": "B", "value": "2"}]));
    let child = estate.child("web", &map).await?;
    let annotations = &child["metadata"]["annotations"];
    assert_eq!((&annotations["only"], &annotations["example.org/team"]), (&json!("this"), &Value::Null));
    Ok(())
}

#[tokio::test]
async fn tweaks_apply_in_order_and_their_patches_last() -> Result<()> {
    let estate = estate("order", 2).await?;
    let [both, one] = estate.pools.clone().try_into().unwrap_or_default();
    estate.label_pool(&both, &json!({"tier": "lab"})).await?;
    let image = |name: &str, tag: &str| json!({"name": name, "targetImage": AppSet::image_of(name, tag)});
    let patch = json!([
        {"operation": "replace", "path": "/spec/template/spec/containers/1/image", "value": AppSet::image_of("log", "patched")},
        {"operation": "add", "path": "/metadata/labels/site-{{nodepool-name}}", "value": "in-{{nodepool-name}}"},
        {"operation": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "POOL", "value": "{{nodepool-name}}"}},
    ]);
    let first = json!({
        "pools": [both, one],
        "tweaks": {"replicas": 1, "containerImages": [image("main", "v2"), image("init", "v2"), image("nobody", "v2")], "patches": patch},
    });
    let second = json!({
        "nodepoolSelector": {"matchLabels": {"tier": "lab"}},
        "tweaks": {"replicas": 2, "containerImages": [image("main", "v3"), image("log", "v3")]},
    });
    let nowhere = json!({"tweaks": {"replicas": 9}});
    estate.deploy(&rich(&estate).tweak(first).tweak(second).tweak(nowhere), 2).await?;
    for (pool, replicas, main) in [(&both, 2, "v3"), (&one, 1, "v2")] {
        let child = estate.child("web", pool).await?;
        assert_eq!(child["spec"]["replicas"], replicas, "{pool}");
        assert_eq!(container(&child, "image"), &json!(AppSet::image_of("main", main)), "{pool}");
        let pod = &child["spec"]["template"]["spec"];
        assert_eq!(
            pod["containers"][1]["image"],
            AppSet::image_of("log", "patched"),
            "a patch is later than every image"
        );
        assert_eq!(pod["initContainers"][0]["image"], AppSet::image_of("init", "v2"));
        assert_eq!(child["metadata"]["labels"][format!("site-{pool}")], format!("in-{pool}"));
        assert_eq!(pod["containers"][0]["env"][2], json!({"name": "POOL", "value": pool}));
    }
    Ok(())
}

/// There labels and annotations that the template drops stay for ever.
#[tokio::test]
async fn item_10_what_the_template_drops_is_dropped_and_what_others_added_stays() -> Result<()> {
    let estate = estate("dropped", 1).await?;
    let pool = &estate.pools[0];
    estate.deploy(&rich(&estate).template("/metadata/labels/team", json!("edge")), 1).await?;
    let child = estate.child("web", pool).await?;
    let name = child["metadata"]["name"].as_str().unwrap_or_default();
    let others = json!({"metadata": {"labels": {"others": "stay"}, "annotations": {"others": "stay"}}});
    let deployments = estate.objects("apps/v1", "Deployment");
    deployments.patch(name, &kube::api::PatchParams::default(), &kube::api::Patch::Merge(&others)).await?;

    estate.deploy(&estate.app_set("web"), 1).await?;
    let child = estate.child("web", pool).await?;
    let metadata = &child["metadata"];
    assert_eq!(
        (&metadata["labels"]["team"], &metadata["annotations"]["example.org/team"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!((&metadata["labels"]["others"], &metadata["annotations"]["others"]), (&json!("stay"), &json!("stay")));
    assert_eq!(containers(&child).as_array().map(Vec::len), Some(1));
    assert_eq!((container(&child, "command"), container(&child, "env")), (&Value::Null, &Value::Null));
    assert_eq!(child["spec"]["template"]["spec"]["initContainers"], Value::Null);
    Ok(())
}

/// What tools of OpenYurt's users look for.
#[tokio::test]
async fn a_workload_bears_openyurts_labels_and_stays_in_its_pool() -> Result<()> {
    let estate = estate("labelled", 1).await?;
    let pool = &estate.pools[0];
    let elsewhere = json!([
        {"operation": "add", "path": "/spec/template/spec/nodeSelector", "value": {"apps.openyurt.io/nodepool": "elsewhere"}},
        {"operation": "add", "path": "/metadata/labels/apps.openyurt.io~1pool-name", "value": "elsewhere"},
    ]);
    let set = estate.deploy(&estate.app_set("web").tweak(patches(pool, elsewhere)), 1).await?;
    let child = estate.child("web", pool).await?;
    let metadata = &child["metadata"];
    assert_eq!(metadata["name"], names::workload(names::WorkloadKind::Deployment, "web", pool));
    let labels = &metadata["labels"];
    assert_eq!((&labels[names::SET], &labels[names::POOL_NAME]), (&json!("web"), &json!(pool)));
    assert_eq!(labels[names::REVISION], set["status"]["currentRevision"]);
    assert_eq!(metadata["annotations"][names::REF_POOL], json!(pool));
    let owner = &metadata["ownerReferences"][0];
    assert_eq!(
        (&owner["kind"], &owner["uid"], &owner["controller"]),
        (&json!("YurtAppSet"), &set["metadata"]["uid"], &json!(true))
    );
    assert_eq!(child["spec"]["selector"]["matchLabels"], json!({"app": "web", names::POOL_NAME: pool}));
    let pods = &child["spec"]["template"];
    assert_eq!(pods["spec"]["nodeSelector"], json!({"apps.openyurt.io/nodepool": pool}));
    assert_eq!(
        (&pods["metadata"]["labels"][names::POOL_NAME], &pods["metadata"]["labels"][names::REVISION]),
        (&json!(pool), &Value::Null)
    );
    Ok(())
}
