use api::names::app_set::WorkloadKind;
use api::yurt_app_set::RawWorkload;

use super::*;
use crate::children::tests::openyurts;
use crate::pools::Pool;
use crate::render::Renderer;
use crate::render::tests::{deployment, owner, workload};

fn rendered(tweaks: Value, revision: &str) -> Rendered {
    let workload = RawWorkload(workload(deployment(), tweaks)).read("spec.workload").unwrap();
    Renderer::new(owner(), workload, revision).unwrap().render(&Pool::new("a", [])).unwrap()
}

fn image(image: &str) -> Value {
    json!([{"pools": ["a"], "tweaks": {"containerImages": [{"name": "web", "targetImage": image}]}}])
}

/// What OpenYurt made of revision `web-5f8`, with the API server's defaults.
fn made_by_openyurt(of: &Rendered) -> Value {
    let mut object = openyurts("web-a-x7k2p", "a", 1);
    object["spec"] = of.body["spec"].clone();
    object["spec"]["replicas"] = json!(1);
    object["spec"]["template"]["metadata"]["labels"][names::REVISION] = json!("web-5f8");
    object["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    object
}

fn child(object: &Value) -> Child {
    Child::read(WorkloadKind::Deployment, object)
}

/// The API server's part of an apply that owns every field.
fn applied(object: &mut Value, body: &Body) {
    for part in ["labels", "annotations", "ownerReferences"] {
        object["metadata"][part] = body.body["metadata"][part].clone();
    }
    for field in ["selector", "template", "replicas"] {
        if let Some(value) = body.body["spec"].get(field) {
            object["spec"][field] = value.clone();
        }
    }
}

#[test]
fn an_adopted_workload_keeps_name_selector_and_pods_until_the_next_real_change() {
    let first = rendered(image("web:1"), "web-5f8");
    let mut object = made_by_openyurt(&first);
    let (selector, template) = (object["spec"]["selector"].clone(), object["spec"]["template"].clone());
    let adopted = body(&first, &child(&object), true);
    assert!(!adopted.restarts);
    assert_eq!(
        (&adopted.body["metadata"]["name"], &adopted.body["spec"]["selector"]),
        (&json!("web-a-x7k2p"), &selector)
    );
    assert_eq!(adopted.body["spec"]["template"], template);
    applied(&mut object, &adopted);
    assert_eq!(body(&first, &child(&object), true), adopted, "the second time is the first");

    // Another revision, of which this pool sees nothing.
    let other = rendered(image("web:1"), "web-6aa");
    let again = body(&other, &child(&object), false);
    assert!(!again.restarts && again.body["spec"]["template"] == template, "the pods keep the old label");
    assert_eq!(again.body["metadata"]["labels"][names::REVISION], "web-6aa");
    applied(&mut object, &again);

    let changed = rendered(image("web:2"), "web-777");
    let real = body(&changed, &child(&object), false);
    assert!(real.restarts);
    assert_eq!(real.body["spec"]["template"], changed.body["spec"]["template"], "without the label");
    assert_eq!((&real.body["metadata"]["name"], &real.body["spec"]["selector"]), (&json!("web-a-x7k2p"), &selector));
    assert_eq!(real.body["metadata"]["annotations"].get(names::KEPT_TEMPLATE), None);
    applied(&mut object, &real);
    assert!(!body(&changed, &child(&object), false).restarts);
}

/// Defect 5 of OpenYurt left something else running than the YurtAppSet says: that is no reason to restart pods on adoption.
#[test]
fn a_template_that_openyurt_corrupted_is_kept_until_the_next_change() {
    let first = rendered(
        json!([{"pools": ["a"], "tweaks": {"patches": [{"operation": "remove", "path": "/spec/template/spec/containers/0/command"}]}}]),
        "web-5f8",
    );
    let mut object = made_by_openyurt(&first);
    object["spec"]["template"]["spec"]["containers"][0]["command"] = json!(["run"]);
    let template = object["spec"]["template"].clone();
    let adopted = body(&first, &child(&object), true);
    assert!(!adopted.restarts && adopted.body["spec"]["template"] == template);
    applied(&mut object, &adopted);
    let again = body(&first, &child(&object), false);
    assert!(!again.restarts && again.body["spec"]["template"] == template);
    // Somebody changes the pods by hand: now there is nothing left to keep.
    object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("by-hand:1");
    let repaired = body(&first, &child(&object), false);
    assert!(repaired.restarts && repaired.by_hand, "the command goes, too");
    let container = &repaired.body["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], container.get("command")), (&json!("web:1"), None));
}

#[test]
fn a_workload_that_openyurt_had_not_updated_yet_is_a_real_change() {
    let old = made_by_openyurt(&rendered(image("web:1"), "web-5f8"));
    assert!(body(&rendered(image("web:2"), "web-6aa"), &child(&old), false).restarts);
    assert!(
        !body(&rendered(image("web:1"), "web-6aa"), &child(&old), false).restarts,
        "its revision is gone, its pods are right"
    );
}

#[test]
fn a_workload_of_drovers_restarts_when_its_template_changes_and_only_then() {
    let first = rendered(image("web:1"), "web-1");
    let object = json!({"metadata": first.body["metadata"], "spec": first.body["spec"]});
    let again = body(&first, &child(&object), true);
    assert_eq!(again, Body { body: first.body, restarts: false, by_hand: false });
    assert!(body(&rendered(image("web:2"), "web-2"), &child(&object), false).restarts);
    let scaled = json!([{"pools": ["a"], "tweaks": {"replicas": 5, "containerImages": [{"name": "web", "targetImage": "web:1"}]}}]);
    assert!(!body(&rendered(scaled, "web-3"), &child(&object), false).restarts);
}

#[test]
fn a_stateful_set_of_openyurts_keeps_what_cannot_be_changed() {
    let mut template = json!({"statefulSetTemplate": deployment()["deploymentTemplate"].clone()});
    template["statefulSetTemplate"]["spec"]["serviceName"] = json!("new");
    let workload = RawWorkload(workload(template, json!([]))).read("spec.workload").unwrap();
    let rendered = Renderer::new(owner(), workload, "web-5f8").unwrap().render(&Pool::new("a", [])).unwrap();
    let mut object = openyurts("web-a-x7k2p", "a", 1);
    object["spec"] = json!({"serviceName": "old", "selector": {"matchLabels": {"app": "old"}}});
    let body = body(&rendered, &Child::read(WorkloadKind::StatefulSet, &object), false).body;
    assert_eq!(
        (&body["spec"]["serviceName"], &body["spec"]["selector"]),
        (&json!("old"), &json!({"matchLabels": {"app": "old"}}))
    );
}

#[test]
fn what_yurt_manager_wrote_becomes_drovers_and_others_keep_theirs() {
    let entry = |manager: &str, operation: &str, subresource: &str, fields: Value| json!({"manager": manager, "operation": operation, "subresource": subresource, "apiVersion": "apps/v1", "fieldsV1": fields, "time": "2026-01-01T00:00:00Z"});
    let autoscaler = entry("hpa", "Update", "scale", json!({"f:spec": {"f:replicas": {}}}));
    let status = entry("yurt-manager", "Update", "status", json!({"f:status": {}}));
    let fields = json!([
        entry(
            "yurt-manager",
            "Update",
            "",
            json!({"f:metadata": {"f:generateName": {}, "f:labels": {"f:a": {}}}, "f:spec": {"f:replicas": {}}})
        ),
        autoscaler,
        entry(names::FIELD_MANAGER, "Apply", "", json!({"f:spec": {"f:template": {}}})),
        status,
    ]);
    let union = |replicas: Value| {
        let mut all = converted(&fields, &json!({"spec": replicas})).unwrap();
        let ours = all.as_array_mut().unwrap().pop().unwrap();
        assert_eq!(all, json!([autoscaler, status]));
        assert_eq!((&ours["manager"], &ours["operation"]), (&json!(names::FIELD_MANAGER), &json!("Apply")));
        ours["fieldsV1"].clone()
    };
    let labels = json!({"f:labels": {"f:a": {}}});
    assert_eq!(
        union(json!({"replicas": 1})),
        json!({"f:metadata": labels, "f:spec": {"f:replicas": {}, "f:template": {}}})
    );
    assert_eq!(
        union(json!({})),
        json!({"f:metadata": labels, "f:spec": {"f:template": {}}}),
        "an autoscaler's replicas survive"
    );
    assert_eq!(converted(&json!([autoscaler, status]), &json!({})), None);
    // Replicas of Drover's own that are left out now, for an autoscaler to have them.
    let own = |spec: Value| json!([entry(names::FIELD_MANAGER, "Apply", "", json!({"f:spec": spec})), autoscaler]);
    let owns = own(json!({"f:replicas": {}, "f:template": {}}));
    let mut left = own(json!({"f:template": {}}));
    left[0].as_object_mut().unwrap().remove("subresource");
    left[0]["fieldsType"] = json!("FieldsV1");
    left.as_array_mut().unwrap().reverse();
    assert_eq!(converted(&owns, &json!({"spec": {}})), Some(left.clone()));
    assert_eq!(converted(&owns, &json!({"spec": {"replicas": 3}})), None);
    assert_eq!(converted(&left, &json!({"spec": {}})), None, "once");
    let must =
        |fields: &Value, body: Value| must_convert(&child(&json!({"metadata": {"managedFields": fields}})), &body);
    assert!(must(&owns, json!({"spec": {}})) && !must(&owns, json!({"spec": {"replicas": 3}})));
    assert!(!must(&left, json!({"spec": {}})) && must(&fields, json!({"spec": {}})));
    assert_eq!(converted(&Value::Null, &json!({})), None);
}
