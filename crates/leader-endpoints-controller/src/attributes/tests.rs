use serde_json::{Value, json};

use super::*;

const GIVEN: &str = names::PREVIOUS_ATTRIBUTES;

fn wanted(value: &Value) -> Attributes {
    Attributes::deserialize(value).unwrap()
}

fn node(with: &Value) -> Node {
    let mut node = crate::nodes::tests::node("a", "shop", "10.0.0.1");
    for (key, part) in with.as_object().unwrap() {
        if key == "taints" {
            node["spec"]["taints"] = part.clone();
        } else {
            node["metadata"][key].as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        }
    }
    serde_json::from_value(node).unwrap()
}

/// Changes a node until nothing is to be changed: once.
fn settled(node: &Node, wanted: &Attributes) -> Node {
    let Some(change) = change(node, wanted).unwrap() else { return node.clone() };
    let mut after = node.clone();
    for (key, value) in change.labels {
        match value {
            Some(value) => _ = after.labels.insert(key, value),
            None => _ = after.labels.remove(&key),
        }
    }
    let mut annotations: BTreeMap<String, String> =
        after.annotations.iter().map(|(key, value)| (key.0.to_string(), value.0.to_string())).collect();
    for (key, value) in change.annotations {
        match value {
            Some(value) => _ = annotations.insert(key, value),
            None => _ = annotations.remove(&key),
        }
    }
    after.annotations = serde_json::from_value(json!(annotations)).unwrap();
    after.taints = change.taints.unwrap_or(after.taints);
    assert_eq!(super::change(&after, wanted), Ok(None), "changed once, it is as it should be");
    after
}

fn taint(key: &str, value: &str, effect: &str) -> Value {
    json!({"key": key, "value": value, "effect": effect})
}

#[test]
fn a_node_gets_what_its_pool_gives_and_loses_it_when_it_leaves() {
    let before = node(&json!({"labels": {"own": "1"}, "taints": [taint("own", "", "NoSchedule")]}));
    let gives = wanted(&json!({
        "labels": {"site": "north"}, "annotations": {"contact": "ann"}, "taints": [taint("edge", "yes", "NoExecute")],
    }));
    let inside = settled(&before, &gives);
    assert_eq!(inside.labels.get("site").map(String::as_str), Some("north"));
    assert_eq!(inside.annotation("contact"), Some("ann"));
    assert_eq!(inside.taints.len(), 2);
    assert_eq!(Attributes::given(&inside), Ok(Some(gives)));
    let outside = settled(&inside, &Attributes::default());
    assert_eq!(outside, before, "not a trace is left");
}

#[test]
fn what_somebody_has_changed_since_is_theirs() {
    let given = json!({"labels": {"site": "north", "rack": "1"}, "taints": [taint("edge", "yes", "NoExecute")]});
    let node = node(&json!({
        "labels": {"site": "moved", "rack": "1"},
        "annotations": {GIVEN: given.to_string()},
        "taints": [taint("edge", "no", "NoExecute")],
    }));
    let after = settled(&node, &Attributes::default());
    assert_eq!(after.labels.get("site").map(String::as_str), Some("moved"));
    assert!(!after.labels.contains_key("rack"));
    assert_eq!(after.taints, node.taints);
}

#[test]
fn what_differs_while_the_node_is_in_the_pool_is_put_right() {
    let gives = wanted(&json!({"labels": {"site": "north"}, "taints": [taint("edge", "yes", "NoExecute")]}));
    let inside = settled(&node(&json!({})), &gives);
    let mut edited = inside.clone();
    edited.labels.insert("site".to_owned(), "south".to_owned());
    edited.taints.clear();
    assert_eq!(settled(&edited, &gives), inside);
}

#[test]
fn taints_are_told_apart_by_key_and_effect_and_those_of_others_stay() {
    let other =
        json!({"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"});
    let node = node(&json!({"taints": [other, taint("edge", "old", "NoSchedule"), taint("edge", "x", "NoExecute")]}));
    let change = change(&node, &wanted(&json!({"taints": [taint("edge", "new", "NoSchedule")]}))).unwrap().unwrap();
    let after = json!(change.taints.unwrap());
    assert_eq!(after, json!([other, taint("edge", "new", "NoSchedule"), taint("edge", "x", "NoExecute")]));
}

#[test]
fn one_change_of_pool_takes_the_old_and_gives_the_new() {
    let old = wanted(&json!({"labels": {"site": "north", "tier": "1"}}));
    let inside = settled(&node(&json!({})), &old);
    let after = settled(&inside, &wanted(&json!({"labels": {"tier": "2"}})));
    assert_eq!((after.labels.get("site"), after.labels.get("tier").map(String::as_str)), (None, Some("2")));
}

#[test]
fn the_pool_label_is_neither_given_nor_taken() {
    let pool = crate::outputs::tests::pool("shop", &json!({"labels": {"apps.openyurt.io/nodepool": "x", "site": "n"}}));
    let (gives, refused) = Attributes::of(&pool);
    assert_eq!(
        (gives, refused),
        (wanted(&json!({"labels": {"site": "n"}})), vec!["apps.openyurt.io/nodepool".to_owned()])
    );
    let tampered = json!({"labels": {"apps.openyurt.io/nodepool": "shop"}}).to_string();
    let after = settled(&node(&json!({"annotations": {GIVEN: tampered}})), &Attributes::default());
    assert_eq!(after.labels.get("apps.openyurt.io/nodepool").map(String::as_str), Some("shop"));
}

#[test]
fn what_openyurt_wrote_is_read_and_an_equal_record_is_left_alone() {
    let written = r#"{"taints":[{"key":"edge","value":"yes","effect":"NoExecute"}],"labels":{"site":"north"}}"#;
    let node = node(&json!({
        "labels": {"site": "north"},
        "annotations": {GIVEN: written},
        "taints": [taint("edge", "yes", "NoExecute")],
    }));
    let gives = wanted(&json!({"labels": {"site": "north"}, "taints": [taint("edge", "yes", "NoExecute")]}));
    assert_eq!(change(&node, &gives), Ok(None));
    let nothing = r#"{"labels":null}"#;
    let node = crate::attributes::tests::node(&json!({"annotations": {GIVEN: nothing}}));
    assert_eq!(change(&node, &Attributes::default()), Ok(None));
}

#[test]
fn an_annotation_that_cannot_be_read_is_named_and_nothing_is_changed() {
    for bad in ["", "not json", r#"{"labels": 3}"#] {
        let node = node(&json!({"annotations": {GIVEN: bad}}));
        let error = change(&node, &wanted(&json!({"labels": {"a": "b"}}))).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(GIVEN) && text.contains(&format!("{bad:?}")), "{text}");
    }
}
