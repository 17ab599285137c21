//! What OpenYurt gets wrong (contract 4.1), by number.

use super::*;

fn containers(list: Value) -> Value {
    render(deployment(), patches(list), "a")["spec"]["template"]["spec"]["containers"].clone()
}

#[test]
fn defect_1_editing_one_pool_or_adding_one_changes_no_pod_template_elsewhere() {
    let template = |renderer: &Renderer, pool: &str| renderer.render(&Pool::new(pool, [])).unwrap().template;
    let before = renderer(deployment(), json!([{"pools": ["a"], "tweaks": {"replicas": 1}}]));
    let workload = RawWorkload(workload(
        deployment(),
        json!([
            {"pools": ["a"], "tweaks": {"replicas": 2}},
            {"pools": ["b"], "tweaks": {"containerImages": [{"name": "web", "targetImage": "web:2"}]}},
        ]),
    ));
    let after = Renderer::new(owner(), workload.read(PATH).unwrap(), "web-2").unwrap();
    for pool in ["a", "c"] {
        assert_eq!(template(&before, pool), template(&after, pool), "nothing restarts in {pool}");
        let pods = &after.render(&Pool::new(pool, [])).unwrap().body["spec"]["template"];
        assert!(!pods.to_string().contains("web-2"), "pods do not know the revision: {pods}");
    }
    assert_ne!(template(&before, "b"), template(&after, "b"));
}

#[test]
fn defect_5_remove_removes() {
    let env = containers(json!([{"operation": "remove", "path": "/spec/template/spec/containers/0/env/0"}]));
    assert_eq!(env[0]["env"], json!([{"name": "B", "value": "2"}]));
    let command = containers(json!([{"operation": "remove", "path": "/spec/template/spec/containers/0/command"}]));
    assert_eq!(command[0].get("command"), None);
    let left = containers(json!([{"operation": "remove", "path": "/spec/template/spec/containers/0"}]));
    assert_eq!(left, json!([{"name": "log", "image": "log:1"}]), "log has neither command nor env of web");
}

#[test]
fn defect_5_what_is_inserted_or_replaced_inherits_nothing() {
    let sidecar = json!({"name": "sidecar", "image": "sidecar:1"});
    let added = containers(json!([{"operation": "add", "path": "/spec/template/spec/containers/0", "value": sidecar}]));
    assert_eq!((&added[0], &added[1]["name"], &added[2]["name"]), (&sidecar, &json!("web"), &json!("log")));
    let from = json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}});
    let replaced =
        containers(json!([{"operation": "replace", "path": "/spec/template/spec/containers/0/env/0", "value": from}]));
    assert_eq!(replaced[0]["env"][0], from, "not both value and valueFrom");
    let body = render(
        deployment(),
        patches(json!([{"operation": "replace", "path": "/metadata/annotations", "value": {"only": "this"}}])),
        "a",
    );
    assert_eq!(body["metadata"]["annotations"].get("team"), None, "a map that is replaced is not merged");
}

#[test]
fn defect_6_a_selector_of_match_expressions_alone_is_no_crash() {
    let mut template = deployment();
    let expressions = json!([{"key": "app", "operator": "In", "values": ["web"]}]);
    template["deploymentTemplate"]["spec"]["selector"] = json!({"matchExpressions": expressions});
    let body = render(template.clone(), json!([]), "a");
    assert_eq!(
        body["spec"]["selector"],
        json!({"matchExpressions": expressions, "matchLabels": {"apps.openyurt.io/pool-name": "a"}})
    );
    template["deploymentTemplate"]["spec"]["selector"] = json!({"matchLabels": null, "matchExpressions": expressions});
    assert_eq!(render(template, json!([]), "a")["spec"], body["spec"], "null is absent");
}

#[test]
fn defect_6_a_tweak_with_an_invalid_operator_is_an_error_with_its_path() {
    let tweaks = json!([{"tweaks": {}}, {"nodepoolSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}, "tweaks": {}}]);
    let workload = RawWorkload(workload(deployment(), tweaks)).read(PATH).unwrap();
    let refused = Renderer::new(owner(), workload, "web-1").unwrap_err().to_string();
    assert!(
        refused.starts_with("spec.workload.workloadTweaks[1].nodepoolSelector.matchExpressions[0].operator: \"Near\""),
        "{refused}"
    );
}

#[test]
fn defect_11_replicas_that_are_left_out_stay_left_out() {
    assert_eq!(render(deployment(), json!([]), "a")["spec"].get("replicas"), None);
    let mut null = deployment();
    null["deploymentTemplate"]["spec"]["replicas"] = Value::Null;
    assert_eq!(render(null.clone(), json!([]), "a")["spec"].get("replicas"), None);
    let tweaks = json!([{"pools": ["a"], "tweaks": {"replicas": 0}}]);
    assert_eq!(render(null.clone(), tweaks.clone(), "a")["spec"]["replicas"], 0);
    assert_eq!(render(null, tweaks, "b")["spec"].get("replicas"), None, "an autoscaler owns them in the other pools");
}

#[test]
fn defect_14_a_label_that_is_too_long_is_an_error_that_names_it() {
    let long = "p".repeat(64);
    assert_eq!(
        refused(deployment(), json!([]), &long),
        format!(
            "metadata.labels[apps.openyurt.io/pool-name] of the workload in pool {long}: \"{long}\" has 64 characters and is not a \
             label's value: at most 63 letters, digits, '-', '_' and '.', the first and last a letter or digit"
        )
    );
    let site = |value: &str| {
        patches(json!([{"operation": "add", "path": "/spec/template/metadata/labels/site", "value": value}]))
    };
    assert!(
        refused(deployment(), site(&"x".repeat(64)), "a")
            .starts_with("spec.template.metadata.labels[site] of the workload in pool a")
    );
    assert!(refused(deployment(), site("-odd"), "a").contains("\"-odd\" has 4 characters"));
    // OpenYurt writes the name of the revision into a label, and a long name of a YurtAppSet makes that longer than 63.
    let revision = names::revision(&"s".repeat(63), "01234567");
    let owner = Owner { name: "s".repeat(63), ..owner() };
    let workload = RawWorkload(workload(deployment(), json!([]))).read(PATH).unwrap();
    assert!(Renderer::new(owner, workload, &revision).unwrap().render(&Pool::new(&"p".repeat(63), [])).is_ok());
}

/// There an API server makes of it 1,215,752,191 pods in each pool.
#[test]
fn replicas_that_are_no_number_of_pods_are_refused() {
    for (given, allowed) in [(json!(0), true), (json!(2_147_483_647), true), (json!(99_999_999_999_i64), false)] {
        let replace = json!([{"operation": "add", "path": "/spec/replicas", "value": given}]);
        assert_eq!(renderer(deployment(), patches(replace)).render(&Pool::new("a", [])).is_ok(), allowed, "{given}");
    }
    for given in [json!(-1), json!(1.5), json!("3")] {
        let mut template = deployment();
        template["deploymentTemplate"]["spec"]["replicas"] = given.clone();
        let said = refused(template, json!([]), "a");
        assert_eq!(said, format!("spec.replicas of the workload: {given} is not an integer of 0 to 2147483647"));
    }
}

/// Nor of what the Deployment controller counts: it would put its own number back for ever.
#[test]
fn a_template_that_was_copied_from_a_workload_says_nothing_of_drovers_own() {
    for key in [names::KEPT_TEMPLATE, names::KEPT_REPLICAS, "deployment.kubernetes.io/revision"] {
        let mut template = deployment();
        template["deploymentTemplate"]["metadata"]["annotations"][key] = json!("7");
        assert_eq!(render(template, json!([]), "a")["metadata"], render(deployment(), json!([]), "a")["metadata"]);
    }
}

/// The hash of a pod template is recorded on workloads: another one restarts the pods of those that were adopted.
#[test]
fn the_hash_of_a_template_is_the_same_for_ever_and_for_every_spelling_of_it() {
    let with = |container: Value, metadata: Value| {
        let mut template = deployment();
        let pods = &mut template["deploymentTemplate"]["spec"]["template"];
        pods["spec"]["containers"][1].as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
        pods["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        renderer(template, json!([])).render(&Pool::new("a", [])).unwrap()
    };
    let plain = with(json!({}), json!({}));
    // What versions without quantities in mind recorded of this template.
    assert_eq!(plain.template.to_string(), "fa12117e66cd620b");
    assert_eq!(plain.template, Hash::of(&plain.body["spec"]["template"]));
    let limits = |cpu: Value, memory: &str| json!({"resources": {"limits": {"cpu": cpu, "memory": memory}}});
    let one = with(limits(json!("0.5"), "1024Mi"), json!({}));
    for (container, metadata) in [
        (limits(json!("500m"), "1Gi"), json!({})),
        (limits(json!(0.5), "1073741824"), json!({"annotations": {}})),
        (limits(json!("500m"), "1Gi"), json!({"annotations": null})),
    ] {
        let other = with(container, metadata);
        assert_eq!(one.template, other.template);
        // What a version before this one recorded of it is still the same template.
        let recorded = Hash::of(&other.body["spec"]["template"]).to_string();
        assert!(other.is_of(&recorded) && other.is_of(&one.template.to_string()));
    }
    for other in [limits(json!("500m"), "1G"), json!({"env": [{"name": "A", "value": "0.5"}]}), json!({})] {
        assert_ne!(one.template, with(other.clone(), json!({})).template, "{other}");
        assert!(!one.is_of(&with(other, json!({})).template.to_string()));
    }
    let env = |value: &str| with(json!({"env": [{"name": "A", "value": value}]}), json!({})).template;
    assert_ne!(env("0.5"), env("500m"), "a text is a text");
}
