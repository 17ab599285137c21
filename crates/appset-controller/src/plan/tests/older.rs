//! Older revisions, as what their users wrote: a patch may be about what says nothing, such as empty resources.

use super::*;

/// A workload whose tweaks of pool `b` apply to what its user wrote, and to nothing less.
fn patched(tag: u8) -> Value {
    let mut template = crate::render::tests::deployment();
    let pods = &mut template["deploymentTemplate"]["spec"]["template"]["spec"];
    pods["containers"][0]["image"] = json!(format!("web:{tag}"));
    pods["containers"][0]["resources"] = json!({});
    pods["volumes"] = json!([{"name": "v", "ephemeral": {"volumeClaimTemplate": {"metadata": {}, "spec": {}}}}]);
    let claim = "/spec/template/spec/volumes/0/ephemeral/volumeClaimTemplate/metadata/labels";
    let patches = json!([
        {"operation": "add", "path": "/spec/template/spec/containers/0/resources/limits", "value": {"cpu": "1"}},
        {"operation": "add", "path": claim, "value": {"x": "y"}},
        {"operation": "replace", "path": "/spec/template/spec/nodeSelector/disk", "value": null},
    ]);
    crate::render::tests::workload(template, json!([{"pools": ["b"], "tweaks": {"patches": patches}}]))
}

/// A world that has the first revision everywhere and is asked for a second, which no pool gets yet.
fn waiting() -> (World, BTreeMap<String, Value>, String) {
    let mut world = World::new(&["a", "b"]);
    world.ask(patched(1));
    world.settle();
    let (first, before) = (world.history[0].name.clone(), world.specs());
    let there = before["b"].to_string();
    assert!(there.contains(r#""limits":{"cpu":"1"}"#) && there.contains(r#"{"x":"y"}"#) && !there.contains("disk"));
    world.released = Released::these([]);
    world.ask(patched(2));
    let waits = world.settle();
    assert!(waits.holds.values().all(|hold| hold.kind() == "wave"), "{waits:?}");
    (world, before, first)
}

#[test]
fn what_is_changed_or_deleted_by_hand_is_what_it_was_again() {
    let (mut world, before, _) = waiting();
    world.workload("b")["spec"]["template"]["spec"]["containers"][0]["image"] = json!("by-hand:1");
    world.settle();
    assert_eq!(world.specs(), before);
    world.remove("b");
    world.settle();
    assert_eq!(world.specs(), before);
}

#[test]
fn a_pool_is_pinned_to_one_or_goes_back_to_it() {
    let (mut world, before, first) = waiting();
    world.released = Released::All;
    world.settle();
    assert_ne!(world.specs(), before);
    world.returns = [("a", &first), ("b", &first)].map(|(pool, to)| (pool.to_owned(), to.clone())).into();
    let plan = world.settle();
    assert_eq!((world.specs(), plan.holds["b"].kind()), (before.clone(), "returned"));
    world.returns.clear();
    world.settle();
    assert_ne!(world.specs(), before);
    world.set.metadata.annotations = Some([(names::PINNED.to_owned(), json!({"b": first}).to_string())].into());
    let plan = world.settle();
    assert_eq!((&world.specs()["b"], plan.holds["b"].kind()), (&before["b"], "pinned"));
}
