//! What holds of every rendering, whatever templates and tweaks are.

use api::names::POOL;
use proptest::prelude::{Just, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy;

use super::*;

/// Paths to where things are, to where they are not, and to where nothing can be.
const PATHS: [&str; 14] = [
    "",
    "/metadata",
    "/metadata/labels",
    "/metadata/labels/app",
    "/metadata/labels/{{nodepool-name}}",
    "/spec",
    "/spec/replicas",
    "/spec/selector",
    "/spec/selector/matchLabels",
    "/spec/template/spec/nodeSelector",
    "/spec/template/spec/containers/0",
    "/spec/template/spec/containers/-",
    "/spec/template/spec/containers/99/image",
    "/spec/template/metadata/labels/a~1b~0c",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z{}-]{0,70}".prop_map(Value::from),
        Just(json!({})),
        Just(json!([1, null, {"x": null}])),
        Just(json!({"name": "c", "image": "c:{{nodepool-name}}"})),
    ]
}

fn patch() -> impl Strategy<Value = Value> {
    (prop::sample::select(vec!["add", "remove", "replace"]), prop::sample::select(PATHS.to_vec()), value())
        .prop_map(|(operation, path, value)| json!({"operation": operation, "path": path, "value": value}))
}

fn tweaks() -> impl Strategy<Value = Value> {
    let tweak = (prop::collection::vec(patch(), 0..4), prop::option::of(0..5_i32), any::<bool>()).prop_map(
        |(patches, replicas, every)| {
            let selector = if every { json!({}) } else { Value::Null };
            json!({"pools": ["a"], "nodepoolSelector": selector, "tweaks": {"patches": patches, "replicas": replicas}})
        },
    );
    prop::collection::vec(tweak, 0..4).prop_map(Value::from)
}

proptest! {
    #[test]
    fn a_workload_is_in_its_pool_and_its_sets_or_is_refused(tweaks in tweaks(), part in value(), pool in "a|b|[a-z]{60,70}") {
        let mut template = deployment();
        template["deploymentTemplate"]["spec"]["template"]["spec"]["hostNetwork"] = part;
        let renderer = renderer(template, tweaks);
        let first = renderer.render(&Pool::new(&pool, []));
        prop_assert_eq!(&first, &renderer.render(&Pool::new(&pool, [])), "the same again");
        if let Ok(Rendered { body, .. }) = first {
            let at = |path: &str| body.pointer(path).and_then(Value::as_str);
            let name = names::workload(WorkloadKind::Deployment, "web", &pool);
            prop_assert_eq!(at("/metadata/name"), Some(name.as_str()));
            prop_assert_eq!(&body["spec"]["template"]["spec"]["nodeSelector"][POOL], &json!(pool));
            for place in ["/metadata/labels", "/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
                prop_assert_eq!(&body.pointer(place).unwrap()[names::POOL_NAME], &json!(pool));
            }
            prop_assert!(pool.len() <= 63);
            let mut sealed = body.clone();
            seal(&mut sealed);
            prop_assert_eq!(sealed, body, "a seal does not hash itself");
        }
    }
}
