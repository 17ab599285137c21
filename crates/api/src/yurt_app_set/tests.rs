use serde_json::{Value, json};

use super::*;
use crate::names::app_set::WorkloadKind;

fn read(object: Value) -> YurtAppSet {
    serde_json::from_value(object).unwrap()
}

/// OpenYurt's own definition is nearly open, and its manager leaves out what is empty.
#[test]
fn whatever_openyurt_lets_pass_is_read() {
    for bare in [json!({"metadata": {"name": "s"}}), json!({"metadata": {"name": "s"}, "spec": null, "status": null})] {
        let set = read(bare);
        assert_eq!((set.spec, set.status), (YurtAppSetSpec::default(), None));
    }
    let nulls = read(json!({
        "spec": {"pools": null, "nodepoolSelector": null, "workload": null, "revisionHistoryLimit": null},
        "status": {
            "observedGeneration": null, "collisionCount": null, "currentRevision": null, "conditions": null,
            "readyWorkloads": null, "updatedWorkloads": null, "totalWorkloads": null,
        },
    }));
    assert_eq!((nulls.spec, nulls.status), (YurtAppSetSpec::default(), Some(YurtAppSetStatus::default())));
    let odd = read(json!({
        "spec": {
            "nodepoolSelector": {"matchLabels": null, "matchExpressions": [{"key": "a", "operator": "Near", "values": null}]},
            "workload": ["not", {"a": "workload"}],
            "revisionHistoryLimit": -3,
        },
    }));
    assert_eq!(odd.spec.revision_history_limit, Some(-3));
    assert_eq!(odd.spec.workload.0, json!(["not", {"a": "workload"}]));
    for (limit, limited) in [(json!(1e300), i64::MAX), (json!(-2.5), -2), (json!(7), 7)] {
        assert_eq!(read(json!({"spec": {"revisionHistoryLimit": limit}})).spec.revision_history_limit, Some(limited));
    }
}

#[test]
fn an_object_is_written_as_it_was_read() {
    let object = json!({
        "apiVersion": "apps.openyurt.io/v1beta1",
        "kind": "YurtAppSet",
        "metadata": {"name": "s", "namespace": "edge"},
        "spec": {
            "pools": ["a"],
            "nodepoolSelector": {"matchLabels": {"tier": "lab"}},
            "workload": {"workloadTemplate": {"deploymentTemplate": {"spec": {"fieldOfTheFuture": {"x": null}}}}},
            "revisionHistoryLimit": 3,
        },
        "status": {
            "observedGeneration": 2, "currentRevision": "s-1", "readyWorkloads": 1, "updatedWorkloads": 0, "totalWorkloads": 2,
            "conditions": [{"type": "AppReady", "status": "True", "lastTransitionTime": "2026-01-02T03:04:05Z"}],
            "fieldOfTheFuture": {"kept": true},
        },
    });
    assert_eq!(serde_json::to_value(read(object.clone())).unwrap(), object);
}

#[test]
fn a_workload_is_read_with_everything_in_it() {
    let workload = RawWorkload(json!({
        "workloadTemplate": {"statefulSetTemplate": {
            "metadata": {"labels": {"app": "db"}, "annotations": null, "name": "ignored"},
            "spec": {"serviceName": "db"},
        }},
        "workloadTweaks": [{
            "pools": ["a"],
            "nodepoolSelector": {},
            "tweaks": {
                "replicas": 2,
                "containerImages": [{"name": "db", "targetImage": "db:2"}],
                "patches": [
                    {"operation": "replace", "path": "/spec/a", "value": null},
                    {"operation": "remove", "path": "/spec/b", "value": "without effect"},
                    // A merge patch, such as kubectl apply sends, takes every null out of what it writes.
                    {"operation": "add", "path": "/spec/c"},
                ],
            },
        }],
    }));
    let read = workload.read("spec.workload").unwrap();
    assert_eq!(
        (read.template.kind, &read.template.template.labels["app"]),
        (WorkloadKind::StatefulSet, &"db".to_owned())
    );
    let tweak = &read.tweaks[0];
    assert_eq!((tweak.tweaks.replicas, tweak.nodepool_selector.clone()), (Some(2), Some(Selector::default())));
    let operations: Vec<_> = tweak.tweaks.patches.iter().map(|patch| &patch.operation).collect();
    assert_eq!(operations, [&Operation::Replace(Value::Null), &Operation::Remove, &Operation::Add(Value::Null)]);
}

#[test]
fn what_cannot_be_read_is_named_with_its_path() {
    let template = json!({"deploymentTemplate": {"spec": {}}});
    let tweak = |tweaks: Value| json!({"workloadTemplate": template, "workloadTweaks": [{"tweaks": tweaks}]});
    for (workload, complaint) in [
        (json!(null), ": null is not an object"),
        (
            json!({"workloadTemplate": {}}),
            ".workloadTemplate: {} is not exactly one of deploymentTemplate and statefulSetTemplate, but none",
        ),
        (
            json!({"workloadTemplate": {"deploymentTemplate": {"spec": 1}}}),
            ".workloadTemplate.deploymentTemplate.spec: 1 is not an object",
        ),
        (
            json!({"workloadTemplate": {"deploymentTemplate": {"metadata": {"labels": {"a": 1}}, "spec": {}}}}),
            ".workloadTemplate.deploymentTemplate.metadata.labels[a]: 1 is not a text",
        ),
        (
            tweak(json!({"replicas": -1})),
            ".workloadTweaks[0].tweaks.replicas: -1 is not an integer from 0 to 2147483647",
        ),
        (
            tweak(json!({"patches": [{"operation": "move", "path": "/a"}]})),
            ".workloadTweaks[0].tweaks.patches[0].operation: \"move\" is not add, remove or replace",
        ),
        (json!({"workloadTemplate": template, "workloadTweaks": {}}), ".workloadTweaks: {} is not a list"),
    ] {
        let refused = RawWorkload(workload).read("spec.workload").unwrap_err();
        assert_eq!(refused.to_string(), format!("spec.workload{complaint}"));
    }
    let both = json!({"workloadTemplate": {"deploymentTemplate": {"spec": {}}, "statefulSetTemplate": {"spec": {}}}});
    let refused = RawWorkload(both).read("spec.workload").unwrap_err();
    assert!(refused.to_string().ends_with("but both"), "{refused}");
}
