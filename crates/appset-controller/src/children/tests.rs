use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy;
use serde_json::{Value, json};

use super::*;
use crate::render::tests::owner;

/// A Deployment as OpenYurt made it for pool `pool`, created in the `age`th hour, controlled by the owner.
pub(crate) fn openyurts(name: &str, pool: &str, age: u8) -> Value {
    json!({
        "metadata": {
            "name": name, "uid": format!("uid-{name}"), "generation": 1,
            "creationTimestamp": format!("2026-01-01T{age:02}:00:00Z"),
            "labels": {"app": "web", names::SET: "web", names::POOL_NAME: pool, names::REVISION: "web-5f8"},
            "annotations": {names::REF_POOL: pool},
            "ownerReferences": [{"kind": "YurtAppSet", "name": "web", "uid": owner().uid, "controller": true}],
        },
        "spec": {"selector": {"matchLabels": {"app": "web", names::POOL_NAME: pool}}},
    })
}

pub(crate) fn child(object: &Value) -> Child {
    Child::read(WorkloadKind::Deployment, object)
}

fn changed(mut object: Value, path: &str, value: Value) -> Child {
    *object.pointer_mut(path).unwrap() = value;
    child(&object)
}

fn names(children: &[&Child]) -> Vec<String> {
    children.iter().map(|child| child.name.clone()).collect()
}

fn family<'a>(children: &'a [Child], chosen: &[&str]) -> Family<'a> {
    Family::of(&owner(), WorkloadKind::Deployment, &chosen.iter().copied().collect(), children)
}

/// Defect 3 of OpenYurt: the second workload of a pool is never deleted, and which of the two is updated is chance.
#[test]
fn defect_3_of_two_workloads_of_a_pool_the_older_is_kept_and_the_other_too_many() {
    let children = [
        child(&openyurts("web-a-zzzzz", "a", 2)),
        child(&openyurts("web-a-yyyyy", "a", 1)),
        child(&openyurts("web-b-x", "b", 1)),
    ];
    for children in [children.clone().to_vec(), children.iter().rev().cloned().collect()] {
        let family = family(&children, &["a"]);
        assert_eq!(
            (family.members["a"].child.name.as_str(), family.members["b"].child.name.as_str()),
            ("web-a-yyyyy", "web-b-x")
        );
        assert_eq!(names(&family.surplus.iter().map(|(_, child)| *child).collect::<Vec<_>>()), ["web-a-zzzzz"]);
        assert_eq!(family.controlled().count(), 3);
    }
    let mut leaving = openyurts("web-a-yyyyy", "a", 1);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    let children = [children[0].clone(), child(&leaving)];
    let family = family(&children, &["a"]);
    assert_eq!(
        (family.members["a"].child.name.as_str(), family.surplus.len()),
        ("web-a-zzzzz", 0),
        "one that leaves is none"
    );
}

/// Defect 17 of OpenYurt: a workload that somebody labelled is adopted, and deleted when its pool is not chosen.
#[test]
fn defect_17_an_orphan_is_adopted_only_for_a_chosen_pool_that_has_none_and_with_everything_openyurt_puts_on_it() {
    let orphan = |name: &str, pool: &str| {
        let mut object = openyurts(name, pool, 3);
        object["metadata"]["ownerReferences"] = json!([]);
        object
    };
    let child_of = |object: &Value| child(object);
    let children = [child_of(&orphan("web-a-x", "a"))];
    assert!(family(&children, &["a"]).members["a"].orphan);
    assert_eq!(family(&children, &["b"]).members.len(), 0, "its pool is not chosen");
    let both = [children[0].clone(), child(&openyurts("web-a-y", "a", 9))];
    let kept = family(&both, &["a"]);
    assert_eq!(
        (kept.members["a"].child.name.as_str(), kept.surplus.len()),
        ("web-a-y", 0),
        "nobody's workload is not too many"
    );
    for (path, value) in [
        ("/metadata/labels", json!({names::SET: "web", names::POOL_NAME: "a"})),
        ("/metadata/name", json!("copy-of-web-a")),
        ("/metadata/annotations", json!({})),
        ("/spec/selector/matchLabels", json!({"app": "web"})),
        ("/metadata/ownerReferences", json!([{"kind": "Argo", "uid": "x", "controller": true}])),
    ] {
        let copy = [changed(orphan("web-a-x", "a"), path, value.clone())];
        let adopted = !family(&copy, &["a"]).members.is_empty();
        assert_eq!(adopted, path == "/metadata/labels", "{path} is {value}");
    }
    // Of a long name the API server keeps 58 characters, and puts 5 behind them.
    let long = "p".repeat(60);
    let cut = [child_of(&orphan(&format!("web-{}x7k2p", "p".repeat(54)), &long))];
    assert!(family(&cut, &[&long]).members[long.as_str()].orphan, "or it gets a twin");
    // One whose YurtAppSet was deleted and made again belongs to the one that is gone.
    let former = [changed(openyurts("web-a-x", "a", 1), "/metadata/ownerReferences/0/uid", json!("gone"))];
    assert_eq!(family(&former, &["a"]), Family { names: [("web-a-x", &former[0])].into(), ..Family::default() });
}

#[test]
fn a_workload_is_its_pools_whatever_becomes_of_its_label_and_one_without_any_sign_is_reported() {
    let relabelled = [changed(openyurts("web-a-x", "a", 1), "/metadata/labels", json!({names::POOL_NAME: "b"}))];
    assert_eq!(family(&relabelled, &["a", "b"]).members.keys().collect::<Vec<_>>(), [&"a"], "its pods are in pool a");
    let annotated = [Child { spec: Spec::default(), labels: BTreeMap::new(), ..child(&openyurts("web-a-x", "a", 1)) }];
    assert_eq!(family(&annotated, &["a"]).members.len(), 1, "the annotation tells");
    let stray = [Child { annotations: BTreeMap::new(), ..annotated[0].clone() }];
    let other = [Child { kind: WorkloadKind::StatefulSet, ..child(&openyurts("web-b-x", "b", 1)) }];
    assert_eq!(
        (names(&family(&stray, &["a"]).strays), family(&stray, &["a"]).members.len()),
        (vec!["web-a-x".to_owned()], 0)
    );
    assert_eq!(
        (names(&family(&other, &["b"]).former), family(&other, &["b"]).members.len()),
        (vec!["web-b-x".to_owned()], 0)
    );
}

#[test]
fn counts_are_believed_only_once_they_are_about_the_newest_spec() {
    let count = |replicas: Value, observed: i64, counts: [i64; 3]| {
        let [all, updated, ready] = counts;
        child(&json!({
            "metadata": {"generation": 2}, "spec": {"replicas": replicas},
            "status": {"observedGeneration": observed, "replicas": all, "updatedReplicas": updated, "readyReplicas": ready},
        }))
    };
    let state = |child: Child| (child.is_ready(), child.is_rolled_out());
    assert_eq!(
        state(count(json!(2), 1, [2, 2, 2])),
        (false, false),
        "defect 8 of OpenYurt: the counts are of the old spec"
    );
    assert_eq!(state(count(json!(2), 2, [2, 2, 2])), (true, true));
    assert_eq!(state(count(json!(2), 2, [3, 2, 2])), (true, false), "an old pod is left");
    assert_eq!(state(count(json!(0), 2, [0, 0, 0])), (true, true), "defect 8 of OpenYurt: scaled to 0 is ready");
    assert_eq!(state(count(Value::Null, 2, [0, 0, 0])), (false, false), "without replicas it is to have one");
}

#[test]
fn a_stateful_set_that_leaves_pods_alone_is_complete_without_them() {
    let of = |strategy: Value, [replicas, updated, available]: [i64; 3]| {
        let object = json!({
            "metadata": {"generation": 2}, "spec": {"replicas": 5, "updateStrategy": strategy},
            "status": {
                "observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available,
            },
        });
        Child::read(WorkloadKind::StatefulSet, &object).is_complete()
    };
    let partition = |first: i64| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": first}});
    for (strategy, counts, expected) in [
        (partition(3), [5, 2, 5], true),
        (partition(3), [5, 1, 5], false),
        (partition(3), [5, 2, 4], false),
        (partition(3), [6, 2, 6], false),
        (partition(9), [5, 0, 5], true),
        (partition(0), [5, 4, 5], false),
        (json!({"rollingUpdate": {"partition": null}}), [5, 4, 5], false),
        (json!({"type": "OnDelete"}), [5, 0, 5], true),
        (json!({"type": "OnDelete"}), [5, 0, 4], false),
        (json!({"type": "OnDelete"}), [6, 0, 6], false),
        (Value::Null, [5, 5, 5], true),
    ] {
        assert_eq!(of(strategy.clone(), counts), expected, "{strategy} {counts:?}");
    }
}

#[test]
fn whatever_a_workload_is_it_is_read() {
    for odd in [
        json!(null),
        json!([]),
        json!({"metadata": 1, "spec": "x", "status": []}),
        json!({"metadata": {"labels": {"a": 1}}}),
    ] {
        let child = child(&odd);
        assert_eq!((child.pool(), child.replicas(), &child.controller), (None, 1, &None));
    }
}

fn any_child() -> impl Strategy<Value = Child> {
    (0..6_u8, prop::sample::select(vec!["a", "b", ""]), 0..3_u8, any::<bool>(), any::<bool>()).prop_map(
        |(name, pool, age, owned, leaving)| {
            let mut object = openyurts(&format!("web-{pool}-{name}"), pool, age);
            if !owned {
                object["metadata"]["ownerReferences"] = Value::Null;
            }
            if leaving {
                object["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
            }
            child(&object)
        },
    )
}

proptest! {
    #[test]
    fn the_order_of_the_list_does_not_matter_and_only_what_is_controlled_is_too_many(
        children in prop::collection::vec(any_child(), 0..8),
        shift in 0..8_usize,
    ) {
        let mut children = children;
        children.sort_by(|one, other| one.name.cmp(&other.name));
        children.dedup_by(|one, other| one.name == other.name);
        let mut turned = children.clone();
        let by = shift.min(turned.len());
        turned.rotate_left(by);
        let (one, other) = (family(&children, &["a"]), family(&turned, &["a"]));
        prop_assert_eq!(&one.members, &other.members);
        let surplus = |family: &Family<'_>| family.surplus.iter().map(|(_, child)| child.name.clone()).collect::<BTreeSet<_>>();
        prop_assert_eq!(surplus(&one), surplus(&other));
        prop_assert!(one.surplus.iter().all(|(_, child)| child.controller.is_some() && !child.leaving));
        prop_assert!(one.members.iter().all(|(pool, member)| !member.orphan || *pool == "a"));
    }
}
