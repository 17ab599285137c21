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

/// In pool `a`, with so much memory.
fn with_memory(memory: &str, revision: &str) -> Rendered {
    let limits = json!({"resources": {"limits": {"memory": memory}}});
    let mut template = deployment();
    let container = &mut template["deploymentTemplate"]["spec"]["template"]["spec"]["containers"][1];
    container.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    let workload = RawWorkload(workload(template, json!([]))).read("spec.workload").unwrap();
    Renderer::new(owner(), workload, revision).unwrap().render(&Pool::new("a", [])).unwrap()
}

#[test]
fn another_spelling_of_a_quantity_restarts_no_pods_that_openyurt_made() {
    let mut object = made_by_openyurt(&with_memory("1Gi", "web-5f8"));
    let adopted = body(&with_memory("1024Mi", "web-5f8"), &child(&object), true);
    applied(&mut object, &adopted);
    for (memory, restarts) in [("1Gi", false), ("1073741824", false), ("2Gi", true)] {
        let again = body(&with_memory(memory, "web-6aa"), &child(&object), false);
        assert_eq!(
            (again.restarts, again.body["spec"]["template"] == object["spec"]["template"]),
            (restarts, !restarts)
        );
    }
}

#[test]
fn what_a_version_before_recorded_of_a_template_as_it_is_written_is_neither_rewritten_nor_a_reason_to_restart() {
    let wanted = with_memory("1024Mi", "web-5f8");
    let written = Hash::of(&wanted.body["spec"]["template"]).to_string();
    assert_ne!(written, wanted.template.to_string());
    let mut before = wanted.body.clone();
    annotate(&mut before, names::TEMPLATE, &written);
    seal(&mut before);
    let own = child(&json!({"metadata": before["metadata"], "spec": before["spec"]}));
    assert_eq!(body(&wanted, &own, true), Body { body: before, restarts: false, by_hand: false });
    // The same of one that was adopted and keeps its pods.
    let mut object = made_by_openyurt(&with_memory("1Gi", "web-5f8"));
    let mut before = body(&wanted, &child(&object), true);
    annotate(&mut before.body, names::TEMPLATE, &written);
    seal(&mut before.body);
    applied(&mut object, &before);
    assert_eq!(body(&wanted, &child(&object), true), before);
    assert!(body(&with_memory("2Gi", "web-6aa"), &child(&object), false).restarts);
}

/// A StatefulSet of OpenYurt's whose template says these fields, in pool `a`.
fn stateful(fields: &Value) -> Rendered {
    let mut template = json!({"statefulSetTemplate": deployment()["deploymentTemplate"]});
    let spec = template["statefulSetTemplate"]["spec"].as_object_mut().unwrap();
    spec.extend(fields.as_object().unwrap().clone());
    let workload = RawWorkload(workload(template, json!([]))).read("spec.workload").unwrap();
    Renderer::new(owner(), workload, "web-5f8").unwrap().render(&Pool::new("a", [])).unwrap()
}

fn claim(storage: &str) -> Value {
    json!({"serviceName": "db", "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": {"resources": {"requests": {"storage": storage}}}}]})
}

/// What it was made of, with the API server's defaults.
fn made_stateful(fields: &Value) -> Child {
    let mut object = made_by_openyurt(&stateful(fields));
    let spec = &mut object["spec"];
    if spec["podManagementPolicy"].is_null() {
        spec["podManagementPolicy"] = json!("OrderedReady");
    }
    if let Some(claim) = spec.pointer_mut("/volumeClaimTemplates/0") {
        claim["spec"]["volumeMode"] = json!("Filesystem");
        claim["spec"]["resources"]["requests"]["storage"] = json!("1Gi");
    }
    Child::read(WorkloadKind::StatefulSet, &object)
}

/// OpenYurt's are of the same revision where it had tried, in vain, to change what cannot be changed.
#[test]
fn a_stateful_set_of_openyurts_keeps_what_it_was_made_with_until_something_else_is_asked_for() {
    let fixed = ["selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"];
    let of = |body: &Body| fixed.map(|field| body.body["spec"][field].clone());
    let child = made_stateful(&claim("1Gi"));
    let live = child.spec.value();
    let live = fixed.map(|field| live[field].clone());
    for same in [claim("1Gi"), claim("1024Mi")] {
        for same_revision in [true, false] {
            assert_eq!(of(&body(&stateful(&same), &child, same_revision)), live, "{same}");
        }
    }
    // A change is tried, so that the API server says what it has against it.
    for other in [
        claim("2Gi"),
        json!({"serviceName": "db"}),
        json!({"serviceName": "other", "volumeClaimTemplates": claim("1Gi")["volumeClaimTemplates"]}),
        json!({"volumeClaimTemplates": claim("1Gi")["volumeClaimTemplates"]}),
        json!({"serviceName": "db", "volumeClaimTemplates": claim("1Gi")["volumeClaimTemplates"], "podManagementPolicy": "Parallel"}),
    ] {
        let rendered = stateful(&other);
        let [selector, rest @ ..] = of(&body(&rendered, &child, false));
        assert_eq!(selector, live[0], "nobody can change it, and it says nothing that a YurtAppSet asks for");
        let asked = &rendered.body["spec"];
        let asked = ["serviceName", "volumeClaimTemplates", "podManagementPolicy"].map(|field| asked[field].clone());
        let differs = |index: usize| rest[index] != live[index + 1];
        assert!((0..3).any(differs) && (0..3).all(|index| !differs(index) || rest[index] == asked[index]), "{other}");
        assert_eq!(of(&body(&rendered, &child, true)), live, "what OpenYurt did not change of the same revision");
    }
}

/// With a `HorizontalPodAutoscaler` that has set them: `kube-controller-manager` writes replicas through the subresource.
#[test]
fn replicas_that_an_autoscaler_set_are_kept_on_adoption_until_others_are_asked_for() {
    let tweak = |replicas: i64| json!([{"pools": ["a"], "tweaks": {"replicas": replicas, "containerImages": [{"name": "web", "targetImage": "web:1"}]}}]);
    let scaled = json!({"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
    let entry = json!({"manager": "yurt-manager", "operation": "Update", "fieldsV1": {"f:spec": {"f:template": {}}}});
    let first = rendered(tweak(2), "web-5f8");
    let mut object = made_by_openyurt(&first);
    object["spec"]["replicas"] = json!(20);
    object["metadata"]["managedFields"] = json!([entry, scaled]);
    let adopted = body(&first, &child(&object), true);
    assert_eq!((adopted.restarts, adopted.body["spec"].get("replicas")), (false, None));
    assert_eq!(adopted.body["metadata"]["annotations"][names::KEPT_REPLICAS], "2");
    assert!(must_convert(&child(&object), &adopted.body));
    applied(&mut object, &adopted);
    assert_eq!(body(&first, &child(&object), true), adopted, "the second time is the first");
    // Whoever sets them from now on, they are not Drover's, whatever else is asked for.
    object["metadata"]["managedFields"] = json!([]);
    object["spec"]["replicas"] = json!(7);
    let other = json!([{"pools": ["a"], "tweaks": {"replicas": 2, "containerImages": [{"name": "web", "targetImage": "web:2"}]}}]);
    let other = body(&rendered(other, "web-6aa"), &child(&object), false);
    assert_eq!((other.restarts, other.body["spec"].get("replicas")), (true, None));
    applied(&mut object, &other);
    // Until the YurtAppSet asks for others, or for none.
    let more = body(&rendered(tweak(3), "web-777"), &child(&object), false);
    assert_eq!(
        (&more.body["spec"]["replicas"], more.body["metadata"]["annotations"].get(names::KEPT_REPLICAS)),
        (&json!(3), None)
    );
    let none = body(&rendered(image("web:2"), "web-888"), &child(&object), false).body;
    assert_eq!((none["spec"].get("replicas"), none["metadata"]["annotations"].get(names::KEPT_REPLICAS)), (None, None));
    applied(&mut object, &more);
    let back = body(&first, &child(&object), false).body;
    assert_eq!(back["spec"]["replicas"], 2, "they are Drover's now");
}

#[test]
fn replicas_that_somebody_wrote_otherwise_are_put_back_on_adoption() {
    let tweak = json!([{"pools": ["a"], "tweaks": {"replicas": 2, "containerImages": [{"name": "web", "targetImage": "web:1"}]}}]);
    let first = rendered(tweak, "web-5f8");
    let mut object = made_by_openyurt(&first);
    let edit = json!({"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
    let status = json!({"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:status": {}}});
    object["metadata"]["managedFields"] = json!([edit, status]);
    object["spec"]["replicas"] = json!(20);
    assert_eq!(body(&first, &child(&object), true).body["spec"]["replicas"], 2);
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
