use serde_json::json;

use super::*;

fn decode(object: serde_json::Value) -> DaemonSet {
    serde_json::from_value(object).unwrap()
}

#[test]
fn decodes_what_decisions_need() {
    let daemon_set = decode(json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": "agent", "namespace": "edge", "uid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "generation": 3,
            "resourceVersion": "77", "annotations": {names::UPDATE_STRATEGY: "auto", "kubectl.kubernetes.io/last-applied-configuration": "{}"}, "labels": {"a": "b"},
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "updateStrategy": {"type": "OnDelete"},
            "minReadySeconds": 5,
            "revisionHistoryLimit": 2,
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {
                    "nodeSelector": {"kind": "edge"},
                    "hostNetwork": true,
                    "tolerations": [{"operator": "Exists"}],
                    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]},
                    ]}}},
                    "containers": [{"name": "agent", "image": "agent:1"}],
                },
            },
        },
        "status": {"observedGeneration": 3, "desiredNumberScheduled": 8},
    }));
    assert_eq!((daemon_set.metadata.name.as_str(), daemon_set.metadata.namespace.as_str()), ("agent", "edge"));
    let annotations: Vec<_> = daemon_set.metadata.annotations.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(annotations, [(names::UPDATE_STRATEGY, "auto")]);
    assert!(daemon_set.is_on_delete() && daemon_set.is_observed() && !daemon_set.is_terminating());
    assert_eq!(daemon_set.min_ready(), SignedDuration::from_secs(5));
    assert_eq!(daemon_set.history_limit(), 2);
    let placement = daemon_set.spec.template.spec.placement();
    assert_eq!(placement.node_selector, [("kind".into(), "edge".into())]);
    assert!(placement.host_network && placement.tolerations[0].exists);
    assert_eq!(placement.terms.unwrap()[0].expressions[0].values.len(), 2);
}

#[test]
fn nothing_odd_fails_to_decode() {
    let nulls = json!({
        "metadata": {"name": "a", "annotations": null, "deletionTimestamp": "2026-08-18T10:00:00Z"},
        "spec": {"selector": null, "updateStrategy": null, "minReadySeconds": null, "template": {"spec": {
            "nodeName": null, "nodeSelector": null, "affinity": {"nodeAffinity": null}, "tolerations": null,
        }}},
        "status": null,
    });
    let daemon_set = decode(nulls);
    assert!(daemon_set.is_terminating() && !daemon_set.is_on_delete());
    assert_eq!(daemon_set.history_limit(), 10);
    assert_eq!(daemon_set.spec.template.spec.placement(), planner::placement::Placement::default());
    decode(json!({}));

    let odd =
        decode(json!({"spec": {"minReadySeconds": -5, "updateStrategy": {"type": "Surge", "rollingUpdate": {}}}}));
    assert_eq!(odd.spec.update_strategy.kind, "Surge");
    assert_eq!(odd.min_ready(), SignedDuration::ZERO);
}

#[test]
fn unknown_operators_admit_nothing() {
    let pod: PodSpec = serde_json::from_value(json!({
        "tolerations": [{"key": "k", "operator": "Like", "value": "v"}, {"key": "k", "value": "v", "effect": "NoExecute"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "Near", "values": ["n"]}]}],
        }}},
    }))
    .unwrap();
    let placement = pod.placement();
    assert_eq!(placement.tolerations.len(), 1, "a toleration with an unknown operator is none");
    assert!(!placement.tolerations[0].exists);
    assert_eq!(placement.terms.unwrap()[0].fields[0].operator, planner::placement::Operator::Unknown);
}

#[test]
fn an_affinity_without_terms_differs_from_none() {
    let required =
        |terms| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}});
    let empty: PodSpec = serde_json::from_value(required(json!({"nodeSelectorTerms": []}))).unwrap();
    assert_eq!(empty.placement().terms, Some(vec![]), "no node matches it");
    let absent: PodSpec = serde_json::from_value(required(json!(null))).unwrap();
    assert_eq!(absent.placement().terms, None);
}
