//! Patches that OpenYurt takes because its Go types have structures where nothing is said.

use super::*;

fn stateful_set() -> Value {
    json!({"statefulSetTemplate": deployment()["deploymentTemplate"]})
}

fn patched(template: &Value, operation: &str, path: &str, value: Value) -> Value {
    let mut patch = json!({"operation": operation, "path": path});
    patch["value"] = value;
    render(template.clone(), patches(json!([patch])), "a")["spec"].take()
}

#[test]
fn a_patch_at_or_below_a_structure_that_the_template_leaves_out_applies() {
    let (one, log, init) = ("containers/0", "containers/1", "initContainers/0");
    let limits = json!({"cpu": "500m"});
    for (container, at) in [(one, "/containers/0"), (log, "/containers/1"), (init, "/initContainers/0")] {
        for (path, value) in [("resources/limits", limits.clone()), ("resources", json!({"limits": limits}))] {
            let spec = patched(&deployment(), "add", &format!("/spec/template/spec/{container}/{path}"), value);
            let pod = &spec["template"]["spec"];
            assert_eq!(pod.pointer(&format!("{at}/resources")), Some(&json!({"limits": limits})));
            let others =
                ["/containers/0", "/containers/1", "/initContainers/0"].into_iter().filter(|other| *other != at);
            for other in others {
                assert_eq!(pod.pointer(other).unwrap().get("resources"), None, "what stays empty is not sent");
            }
        }
    }
    for (template, field) in [(deployment(), "strategy"), (stateful_set(), "updateStrategy")] {
        let by_hand = json!({"type": "Other"});
        assert_eq!(patched(&template, "replace", &format!("/spec/{field}"), by_hand.clone())[field], by_hand);
        assert_eq!(patched(&template, "add", &format!("/spec/{field}/type"), json!("Other"))[field], by_hand);
    }
}

#[test]
fn a_structure_that_stays_empty_is_not_there_and_one_that_is_missing_there_too_is_refused() {
    let plain = render(deployment(), json!([]), "a");
    let removed = json!([{"operation": "remove", "path": "/spec/strategy"}, {"operation": "remove", "path": "/spec/template/spec/containers/0/resources"}]);
    assert_eq!(render(deployment(), patches(removed), "a"), plain, "there it does nothing either");
    let replace =
        json!([{"operation": "replace", "path": "/spec/template/spec/containers/0/resources/limits", "value": {}}]);
    assert!(refused(deployment(), patches(replace), "a").contains("nothing is there"));
    // A container that a patch brings is as it is given.
    let later = json!([
        {"operation": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "more", "image": "more:1"}},
        {"operation": "add", "path": "/spec/template/spec/containers/2/resources/limits", "value": {}},
    ]);
    assert!(refused(deployment(), patches(later), "a").contains("patches[1]"));
}

#[test]
fn a_value_of_null_and_one_that_is_not_given_take_away() {
    let command = "/spec/template/spec/containers/0/command";
    for patch in [
        json!({"operation": "replace", "path": command, "value": null}),
        json!({"operation": "replace", "path": command}),
        json!({"operation": "add", "path": command}),
    ] {
        let body = render(deployment(), patches(json!([patch])), "a");
        assert_eq!(body["spec"]["template"]["spec"]["containers"][0].get("command"), None, "{patch}");
    }
}
