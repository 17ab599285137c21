mod defects;
mod properties;
mod structures;

use api::yurt_app_set::RawWorkload;

use super::*;

/// The YurtAppSet of all tests.
pub(crate) fn owner() -> Owner {
    Owner {
        name: "web".to_owned(),
        namespace: "edge".to_owned(),
        uid: "11111111-2222-3333-4444-555555555555".to_owned(),
    }
}

/// A Deployment's template.
pub(crate) fn deployment() -> Value {
    json!({"deploymentTemplate": {
        "metadata": {"name": "ignored", "labels": {"app": "web"}, "annotations": {"team": "edge"}},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "nodeSelector": {"disk": "ssd"},
                    "initContainers": [{"name": "init", "image": "init:1"}],
                    "containers": [
                        {"name": "web", "image": "web:1", "command": ["run"], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
                        {"name": "log", "image": "log:1"},
                    ],
                },
            },
        },
    }})
}

pub(crate) fn workload(template: Value, tweaks: Value) -> Value {
    Value::Object(
        [("workloadTemplate".to_owned(), template), ("workloadTweaks".to_owned(), tweaks)].into_iter().collect(),
    )
}

fn renderer(template: Value, tweaks: Value) -> Renderer {
    let workload = RawWorkload(workload(template, tweaks)).read(PATH).unwrap();
    Renderer::new(owner(), workload, "web-1").unwrap()
}

fn render(template: Value, tweaks: Value, pool: &str) -> Value {
    renderer(template, tweaks).render(&Pool::new(pool, [])).unwrap().body
}

fn refused(template: Value, tweaks: Value, pool: &str) -> String {
    renderer(template, tweaks).render(&Pool::new(pool, [])).unwrap_err().to_string()
}

/// A tweak of pool `a`.
fn patches(patches: Value) -> Value {
    let tweaks = Value::Object([("patches".to_owned(), patches)].into_iter().collect());
    json!([{"pools": ["a"], "tweaks": tweaks}])
}

#[test]
fn a_deployment_bears_what_openyurt_puts_on_it_but_for_the_revision_on_its_pods() {
    let body = render(deployment(), json!([]), "a");
    let annotations = body["metadata"]["annotations"].as_object().unwrap();
    assert!(annotations[names::RENDERED].is_string() && annotations[names::TEMPLATE].is_string(), "{annotations:?}");
    assert_eq!(
        body,
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": names::workload(WorkloadKind::Deployment, "web", "a"),
                "namespace": "edge",
                "labels": {
                    "app": "web",
                    "apps.openyurt.io/ref-yurtappset": "web",
                    "apps.openyurt.io/pool-name": "a",
                    "apps.openyurt.io/controller-revision-hash": "web-1",
                },
                "annotations": {
                    "team": "edge",
                    "apps.openyurt.io/ref-nodepool": "a",
                    "drover.dev/template": annotations[names::TEMPLATE],
                    "drover.dev/rendered": annotations[names::RENDERED],
                },
                "ownerReferences": [{
                    "apiVersion": "apps.openyurt.io/v1beta1",
                    "kind": "YurtAppSet",
                    "name": "web",
                    "uid": "11111111-2222-3333-4444-555555555555",
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "selector": {"matchLabels": {"app": "web", "apps.openyurt.io/pool-name": "a"}},
                "template": {
                    "metadata": {"labels": {"app": "web", "apps.openyurt.io/pool-name": "a"}},
                    "spec": {
                        "nodeSelector": {"disk": "ssd", "apps.openyurt.io/nodepool": "a"},
                        "initContainers": [{"name": "init", "image": "init:1"}],
                        "containers": [
                            {
                                "name": "web", "image": "web:1", "command": ["run"],
                                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                            },
                            {"name": "log", "image": "log:1"},
                        ],
                    },
                },
            },
        })
    );
}

#[test]
fn a_stateful_set_gives_its_labels_to_its_pods_and_a_deployment_does_not() {
    let spec = json!({
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db", "tier": "pods"}}, "spec": {"containers": []}},
    });
    let template = json!({"metadata": {"labels": {"tier": "set", "team": "edge"}}, "spec": spec});
    let labels = |kind: &str| {
        let body = render(json!({kind: template.clone()}), json!([]), "a");
        body["spec"]["template"]["metadata"]["labels"].clone()
    };
    assert_eq!(
        labels("statefulSetTemplate"),
        json!({"app": "db", "tier": "set", "team": "edge", "apps.openyurt.io/pool-name": "a"})
    );
    assert_eq!(labels("deploymentTemplate"), json!({"app": "db", "tier": "pods", "apps.openyurt.io/pool-name": "a"}));
}

#[test]
fn all_tweaks_about_a_pool_are_applied_in_order_and_patches_come_last() {
    let image = |name: &str, image: &str| json!({"name": name, "targetImage": image});
    let tweaks = json!([
        {
            "pools": ["a"],
            "tweaks": {
                "replicas": 1,
                "containerImages": [image("web", "web:2"), image("init", "init:2"), image("nobody", "x")],
                "patches": [{"operation": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:patched"}],
            },
        },
        {"nodepoolSelector": {"matchLabels": {"tier": "lab"}}, "tweaks": {"replicas": 2, "containerImages": [image("web", "web:3")]}},
        {"pools": ["b"], "tweaks": {"replicas": 9}},
        {"tweaks": {"replicas": 8}},
    ]);
    let renderer = renderer(deployment(), tweaks);
    let lab = renderer.render(&Pool::new("a", [("tier", "lab")])).unwrap();
    assert_eq!((lab.tweaks.as_slice(), &lab.body["spec"]["replicas"]), ([0, 1].as_slice(), &json!(2)));
    let pod = &lab.body["spec"]["template"]["spec"];
    assert_eq!(
        (&pod["containers"][0]["image"], &pod["initContainers"][0]["image"]),
        (&json!("web:patched"), &json!("init:2"))
    );
    // Defect 9 of OpenYurt: the tweak follows the NodePool's labels.
    let moved = renderer.render(&Pool::new("a", [("tier", "shop")])).unwrap();
    assert_eq!((moved.tweaks.as_slice(), &moved.body["spec"]["replicas"]), ([0].as_slice(), &json!(1)));
    assert_ne!(
        moved.body["metadata"]["annotations"][names::RENDERED],
        lab.body["metadata"]["annotations"][names::RENDERED]
    );
}

#[test]
fn the_pools_name_stands_in_paths_values_and_keys() {
    let body = render(
        deployment(),
        patches(json!([
            {"operation": "add", "path": "/metadata/labels/site-{{nodepool-name}}", "value": "{{nodepool-name}}"},
            {"operation": "add", "path": "/metadata/annotations/where", "value": "in {{nodepool-name}}, {{nodepool-name}}"},
            {"operation": "add", "path": "/spec/template/spec/volumes", "value": [{"name": "v", "configMap": {"name": "c-{{nodepool-name}}"}}]},
        ])),
        "a",
    );
    assert_eq!(
        (&body["metadata"]["labels"]["site-a"], &body["metadata"]["annotations"]["where"]),
        (&json!("a"), &json!("in a, a"))
    );
    assert_eq!(body["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"], "c-a");
}

#[test]
fn a_patch_that_does_not_apply_is_named_with_its_tweak_its_pool_and_its_place() {
    let refused = refused(
        deployment(),
        json!([
            {"pools": ["a"], "tweaks": {"replicas": 1}},
            {"pools": ["a"], "tweaks": {"patches": [
                {"operation": "add", "path": "/spec/paused", "value": true},
                {"operation": "remove", "path": "/spec/{{nodepool-name}}"},
            ]}},
        ]),
        "a",
    );
    assert_eq!(
        refused,
        "spec.workload.workloadTweaks[1].tweaks.patches[1]: remove at \"/spec/a\" does not apply in pool a: path is invalid, nothing is there"
    );
    let odd = RawWorkload(workload(deployment(), patches(json!([{"operation": "remove", "path": "spec"}]))))
        .read(PATH)
        .unwrap();
    let refused = Renderer::new(owner(), odd, "web-1").unwrap_err().to_string();
    assert!(
        refused.starts_with("spec.workload.workloadTweaks[0].tweaks.patches[0].path: \"spec\" is not a JSON pointer"),
        "{refused}"
    );
}

/// A patch can write anything anywhere, but not move pods to another pool or the workload to another owner.
#[test]
fn no_patch_takes_a_workload_out_of_its_pool_or_its_set() {
    let body = render(
        deployment(),
        patches(json!([
            {"operation": "replace", "path": "/spec/template/spec/nodeSelector", "value": {"apps.openyurt.io/nodepool": "b"}},
            {"operation": "remove", "path": "/metadata/labels"},
            {"operation": "add", "path": "/metadata/ownerReferences", "value": []},
            {"operation": "add", "path": "/metadata/name", "value": "other"},
            {"operation": "replace", "path": "/kind", "value": "DaemonSet"},
            {"operation": "add", "path": "/status", "value": {}},
        ])),
        "a",
    );
    assert_eq!(body["spec"]["template"]["spec"]["nodeSelector"], json!({"apps.openyurt.io/nodepool": "a"}));
    assert_eq!(body["metadata"]["labels"].as_object().unwrap().len(), 3);
    assert_eq!((&body["kind"], &body["metadata"]["ownerReferences"][0]["name"]), (&json!("Deployment"), &json!("web")));
    assert_eq!((&body["metadata"]["namespace"], body.get("status")), (&json!("edge"), None));
    assert_eq!(body["metadata"]["name"], names::workload(WorkloadKind::Deployment, "web", "a"));
}

#[test]
fn what_is_no_workload_any_more_is_an_error_and_not_a_panic() {
    for (path, value, complaint) in [
        ("", json!(1), "the root of the workload: 1 is not an object"),
        ("", json!(null), "the root of the workload: null is not an object"),
        ("/spec", json!([]), "spec.selector of the workload: null is not a label selector of the workload's pods"),
        ("/spec/template", json!("x"), "spec.template of the workload: \"x\" is not an object"),
        ("/metadata/labels/x", json!({"a": 1}), "metadata.labels[x] of the workload: {\"a\":1} is not a text"),
    ] {
        let operation = if path == "/metadata/labels/x" { "add" } else { "replace" };
        let refused =
            refused(deployment(), patches(json!([{"operation": operation, "path": path, "value": value}])), "a");
        assert_eq!(refused, complaint);
    }
    let removed = refused(deployment(), patches(json!([{"operation": "remove", "path": ""}])), "a");
    assert!(removed.contains("patches[0]") || removed.contains("the root"), "{removed}");
}
