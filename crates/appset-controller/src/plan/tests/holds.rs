//! What is not done, and why.

use super::*;

#[test]
fn a_revision_that_one_pool_cannot_have_no_pool_gets() {
    let mut world = World::new(&["a", "b", "c"]);
    world.settle();
    let before = world.specs();
    world.tweak(json!([broken("b"), image("a", "web:2")]));
    let plan = world.settle();
    let why = "spec.workload.workloadTweaks[0].tweaks.patches[0]: remove at \"/spec/nothing\" does not apply in pool b: path is \
               invalid, nothing is there";
    let others = format!("waits because the revision is refused in pool b: {why}");
    assert_eq!(held(&plan), [("a", others.clone()), ("b", why.to_owned()), ("c", others)]);
    assert_eq!((world.specs(), world.history.len()), (before.clone(), 1), "not even a revision is made of it");
    // What is held keeps being what it was.
    world.workload("a")["spec"]["template"]["spec"]["containers"][0]["image"] = json!("by-hand:1");
    world.settle();
    assert_eq!(world.specs(), before);
}

#[test]
fn only_the_pools_that_cannot_have_it_are_held_if_so_configured() {
    let mut world = World::new(&["a", "b"]);
    world.settle();
    let before = world.specs();
    world.on_refusal = OnRefusal::HoldPools;
    world.tweak(json!([broken("b"), image("a", "web:2")]));
    let plan = world.settle();
    assert_eq!(plan.holds.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(world.specs()["b"], before["b"]);
    assert_eq!(world.workload("a")["spec"]["template"]["spec"]["containers"][0]["image"], "web:2");
}

#[test]
fn what_cannot_be_read_at_all_changes_nothing() {
    let mut world = World::new(&["a"]);
    world.settle();
    let (before, written) = (world.specs(), world.writes);
    world.ask(json!({"workloadTemplate": {}}));
    let plan = world.settle();
    assert_eq!(plan.holds["a"].kind(), "refused");
    assert_eq!((world.specs(), world.writes), (before, written));
}

/// Defect 6 of OpenYurt, and what would follow of taking an unreadable selector for one that matches nothing.
#[test]
fn a_selector_that_cannot_be_read_deletes_nothing() {
    let mut world = World::new(&["a", "b"]);
    world.settle();
    let written = world.writes;
    world.set.spec.pools = vec!["a".to_owned()];
    world.set.spec.nodepool_selector =
        serde_json::from_value(json!({"matchExpressions": [{"key": "a", "operator": "Near"}]})).unwrap();
    let plan = world.settle();
    assert_eq!((world.workloads.len(), world.writes, held(&plan).len()), (2, written, 2));
}

#[test]
fn waves_let_only_released_pools_change_and_a_held_standing_none() {
    let mut world = World::new(&["a", "b", "c"]);
    world.choose(&["a", "b"]);
    world.settle();
    let before = world.specs();
    world.choose(&["a", "b", "c"]);
    world.tweak(json!([image("a", "web:2"), image("b", "web:2")]));
    world.standing = Standing::Held("yurt-manager lives".to_owned());
    let plan = world.settle();
    assert_eq!(held(&plan), ["a", "b", "c"].map(|pool| (pool, "held: yurt-manager lives".to_owned())));
    assert_eq!(world.specs(), before);
    world.standing = Standing::Acting;
    world.released = Released::these(["a"]);
    let plan = world.settle();
    assert_eq!(
        held(&plan),
        ["b", "c"].map(|pool| (pool, "waits for its turn: the run has not looked at it yet".to_owned()))
    );
    assert_eq!((world.specs()["b"].clone(), world.workloads.len()), (before["b"].clone(), 2));
    world.released = Released::All;
    let plan = world.settle();
    assert_eq!((held(&plan).len(), world.workloads.len()), (0, 3));
}

#[test]
fn what_somebody_deleted_is_made_again_whatever_holds_the_newest_and_what_was_deleted_on_purpose_is_not() {
    let mut world = World::new(&["a", "b", "c"]);
    world.settle();
    let before = world.specs();
    // The newest revision is refused, so that there is none.
    world.tweak(json!([broken("b"), image("a", "web:2")]));
    world.settle();
    ["a", "b"].into_iter().for_each(|pool| world.remove(pool));
    let plan = world.plan(Read::Mirror);
    assert!(plan.confirm && plan.steps.is_empty(), "a mirror that is behind may not show it");
    world.standing = Standing::Held("yurt-manager lives".to_owned());
    assert!(world.plan(Read::Quorum).steps.is_empty());
    world.standing = Standing::Acting;
    let plan = world.settle();
    assert_eq!((world.specs(), plan.holds.len(), world.history.len()), (before.clone(), 3, 1));
    // The name is another's by now.
    let mut taken = world.workload("a").clone();
    world.remove("a");
    taken["metadata"] = json!({"name": taken["metadata"]["name"], "uid": "another", "generation": 1});
    world.put(taken);
    let plan = world.settle();
    assert_eq!(plan.holds["a"].kind(), "name_taken");
    world.workloads.retain(|_, object| object["metadata"]["uid"] != "another");
    world.settle();
    assert_eq!(world.specs(), before);
    // A pool that was not chosen for a while waits like any other that comes.
    world.tweak(json!([image("a", "web:2")]));
    world.released = Released::these([]);
    world.choose(&["a", "b"]);
    world.settle();
    world.choose(&["a", "b", "c"]);
    let plan = world.settle();
    assert_eq!((plan.holds["c"].kind(), world.specs().get("c")), ("wave", None));
}

#[test]
fn a_yurt_app_set_that_is_being_deleted_is_left_to_kubernetes() {
    let mut world = World::new(&["a"]);
    world.set.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-02T00:00:00Z")).unwrap();
    assert_eq!(world.plan(Read::Quorum), Plan::default());
}

fn pin(world: &mut World, pins: &str) {
    world.set.metadata.annotations = Some([(names::PINNED.to_owned(), pins.to_owned())].into());
}

#[test]
fn a_pinned_pool_has_its_revision_and_goes_on_with_the_pin() {
    let mut world = World::new(&["a", "b"]);
    world.choose(&["a"]);
    world.settle();
    let (first, before) = (world.history[0].name.clone(), world.specs());
    world.choose(&["a", "b"]);
    world.tweak(json!([image("a", "web:2"), broken("c")]));
    world.settle();
    pin(&mut world, &json!({"a": first, "b": first, "z": "not chosen"}).to_string());
    let plan = world.settle();
    let sentence = format!("is pinned to revision {first}");
    assert_eq!(held(&plan), [("a", sentence.clone()), ("b", sentence.clone())]);
    assert_eq!(
        (&world.specs()["a"], world.workload("b")["metadata"]["labels"][names::REVISION].clone()),
        (&before["a"], json!(first))
    );
    assert!(!world.plan(Read::Mirror).writes(), "nothing goes back and forth");
    // A pool that is pinned cannot refuse a revision that it does not get.
    pin(&mut world, &json!({"b": first}).to_string());
    world.tweak(json!([image("a", "web:3"), broken("b")]));
    let plan = world.settle();
    assert_eq!(held(&plan), [("b", sentence)]);
    assert_eq!(world.workload("a")["spec"]["template"]["spec"]["containers"][0]["image"], "web:3");
}

#[test]
fn a_pin_that_cannot_be_followed_holds_and_is_named() {
    let mut world = World::new(&["a", "b"]);
    world.settle();
    let before = world.specs();
    let first = world.history[0].name.clone();
    world.tweak(json!([image("a", "web:2"), image("b", "web:2")]));
    pin(&mut world, "{");
    let plan = world.settle();
    assert!(
        plan.holds["a"].to_string().starts_with("metadata.annotations[drover.dev/pinned-revisions]: \"{\" is not"),
        "{plan:?}"
    );
    assert_eq!(world.specs(), before);
    pin(&mut world, r#"{"a": "web-nothing"}"#);
    let plan = world.settle();
    let said = plan.holds["a"].to_string();
    assert!(
        said.starts_with("metadata.annotations[drover.dev/pinned-revisions][a]: \"web-nothing\" is not")
            && said.contains(&first),
        "{said}"
    );
    assert_eq!((&world.specs()["a"], held(&plan).len()), (&before["a"], 1), "the other pool goes on");
}

#[test]
fn one_dry_run_stands_for_all_pools_with_the_same_tweaks_those_of_later_waves_too() {
    let mut world = World::new(&["a", "b", "c", "d"]);
    world.choose(&["a", "b", "c"]);
    world.settle();
    world.choose(&["a", "b", "c", "d"]);
    world.released = Released::these(["a"]);
    world.tweak(json!([image("c", "web:2"), {"nodepoolSelector": {}, "tweaks": {"replicas": 2}}]));
    let plan = world.plan(Read::Quorum);
    let trials: Vec<_> = plan.trials.values().map(|trial| trial.pools.join(" ")).collect();
    assert_eq!((trials, plan.steps.len()), (vec!["c".to_owned(), "a b d".to_owned()], 1));
    let first = plan.trials[&vec![1]].body.value();
    assert_eq!(
        (first["metadata"]["labels"][names::POOL_NAME].as_str(), &first["spec"]["replicas"]),
        (Some("a"), &json!(2))
    );
    world.released = Released::All;
    world.settle();
    assert_eq!(world.plan(Read::Mirror).trials.len(), 0);
}

/// A quota speaks against a workload that is to be made, and what cannot be changed against one that is there.
#[test]
fn a_dry_run_is_of_a_change_where_there_is_one_and_not_of_a_creation() {
    let mut world = World::new(&["a", "b", "c", "d"]);
    world.choose(&["b", "c"]);
    world.settle();
    world.choose(&["a", "b", "c", "d"]);
    let tried = |world: &World| {
        let trial = world.plan(Read::Mirror).trials.into_values().next().unwrap();
        (trial.pools.join(" "), trial.body.value()["metadata"]["labels"][names::POOL_NAME].clone(), trial.changes)
    };
    assert_eq!(tried(&world), ("a d".to_owned(), json!("a"), false));
    world.tweak(json!([{"nodepoolSelector": {}, "tweaks": {"replicas": 2}}]));
    assert_eq!(tried(&world), ("a b c d".to_owned(), json!("b"), true));
    world.workloads.clear();
    assert_eq!(tried(&world), ("a b c d".to_owned(), json!("a"), false));
}

/// OpenYurt's definition leaves it to a webhook, which may be away.
#[test]
fn another_kind_of_template_makes_no_second_workload_in_each_pool() {
    let mut world = World::new(&["a", "b"]);
    world.settle();
    let mut template = crate::render::tests::deployment();
    template["statefulSetTemplate"] = template["deploymentTemplate"].take();
    world.ask(crate::render::tests::workload(template, json!([])));
    let plan = world.settle();
    let said = plan.holds["a"].to_string();
    assert!(
        said.starts_with("spec.workload.workloadTemplate: the kind of workload template should not be changed"),
        "{said}"
    );
    assert_eq!((world.workloads.len(), plan.holds.len()), (2, 2));
}

/// Defect 14 of OpenYurt: one such pool, and what is asked of all others fails with it.
#[test]
fn defect_14_a_pool_whose_name_is_no_label_holds_itself_alone() {
    let long = "p".repeat(64);
    let mut world = World::new(&["a", &long]);
    let plan = world.settle();
    assert_eq!((plan.holds.keys().collect::<Vec<_>>(), world.workloads.len()), (vec![&long], 1));
    assert!(plan.holds[&long].to_string().contains("has 64 characters"), "{plan:?}");
}
