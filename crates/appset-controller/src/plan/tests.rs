mod adoption;
mod deletions;
mod holds;
mod known;
mod older;
mod properties;
pub(crate) mod world;

use serde_json::{Value, json};

use super::*;
use world::World;

fn replicas(pool: &str, replicas: i64) -> Value {
    json!({"pools": [pool], "tweaks": {"replicas": replicas}})
}

fn image(pool: &str, image: &str) -> Value {
    json!({"pools": [pool], "tweaks": {"containerImages": [{"name": "web", "targetImage": image}]}})
}

/// A patch that applies nowhere.
fn broken(pool: &str) -> Value {
    json!({"pools": [pool], "tweaks": {"patches": [{"operation": "remove", "path": "/spec/nothing"}]}})
}

fn held(plan: &Plan) -> Vec<(&str, String)> {
    plan.holds.iter().map(|(pool, hold)| (pool.as_str(), hold.to_string())).collect()
}

#[test]
fn each_pool_gets_a_workload_after_the_revision_is_recorded_and_then_nothing_is_written() {
    let mut world = World::new(&["a", "b"]);
    let first = world.plan(Read::Mirror);
    assert!(first.confirm && first.steps.is_empty(), "what a mirror does not show may be there");
    let first = world.plan(Read::Quorum);
    assert!(matches!(first.current.as_ref().unwrap().record, Record::Make { number: 1, .. }));
    assert_eq!(first.steps.iter().map(|step| step.pool.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let rest = world.settle();
    assert_eq!((world.workloads.len(), world.writes, rest.holds.len()), (2, 3, 0));
    assert!(!world.plan(Read::Mirror).writes() && !world.plan(Read::Mirror).confirm);
}

#[test]
fn defect_1_replicas_of_one_pool_and_another_pool_restart_nothing() {
    let names: Vec<_> = (0..20).map(|index| format!("pool-{index:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new(&names);
    world.choose(&names[..19]);
    world.settle();
    world.tweak(json!([replicas("pool-03", 5)]));
    world.settle();
    world.choose(&names);
    world.settle();
    assert_eq!((world.workload("pool-03")["spec"]["replicas"].clone(), world.workloads.len()), (json!(5), 20));
    assert_eq!(world.restarts, BTreeMap::new());
    world.tweak(json!([replicas("pool-03", 5), image("pool-04", "web:2")]));
    world.settle();
    assert_eq!(world.restarts.values().collect::<Vec<_>>(), [&1], "only in the pool whose pods are others");
}

/// Defect 2 of OpenYurt: from nine pools on it writes the status for ever.
#[test]
fn defect_2_a_yurt_app_set_at_rest_writes_neither_workloads_nor_status() {
    let names: Vec<_> = (0..1_000).map(|index| format!("pool-{index:03}")).collect();
    let mut world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    world.settle();
    let written = world.writes;
    for turn in [0, 1, 500] {
        world.pools.rotate_left(turn);
        world.now += jiff::SignedDuration::from_hours(1);
        let plan = world.plan(Read::Mirror);
        assert!(!plan.writes() && !plan.confirm && plan.holds.is_empty());
        assert!(!world.say(&plan, &crate::status::Failures::default()), "the status is the same");
    }
    assert_eq!(world.writes, written);
}

#[test]
fn defect_9_a_tweak_follows_the_labels_of_node_pools() {
    let mut world = World::new(&["a", "b"]);
    world.tweak(json!([{"nodepoolSelector": {"matchLabels": {"tier": "lab"}}, "tweaks": {"replicas": 4}}]));
    world.settle();
    world.pools[1] = Pool::new("b", [("tier", "lab")]);
    world.settle();
    assert_eq!(world.workload("b")["spec"]["replicas"], 4);
    assert_eq!((world.workload("a")["spec"]["replicas"].clone(), world.restarts.len()), (json!(1), 0));
}

#[test]
fn defect_10_what_was_changed_by_hand_is_put_back_and_what_others_added_stays() {
    let mut world = World::new(&["a"]);
    world.settle();
    let before = world.specs();
    let workload = world.workload("a");
    workload["spec"]["template"]["spec"]["containers"][0]["image"] = json!("by-hand:1");
    workload["metadata"]["labels"]["others/team"] = json!("x");
    workload["metadata"]["labels"][names::SET] = json!("other");
    let plan = world.plan(Read::Mirror);
    let Action::Apply { cause: Cause::Drifted(paths), .. } = &plan.steps[0].action else { panic!("{plan:?}") };
    assert_eq!(paths.len(), 2, "{paths:?}");
    world.settle();
    assert_eq!((world.specs(), world.workload("a")["metadata"]["labels"]["others/team"].clone()), (before, json!("x")));
    // An API server that writes a field otherwise is not written to for ever.
    let workload = world.workload("a");
    workload["spec"]["template"]["spec"]["containers"][0]["image"] = json!("mirror/web:1");
    let (live, uid) = (workload["spec"].clone(), workload["metadata"]["uid"].as_str().unwrap().to_owned());
    let plan = world.plan(Read::Mirror);
    let Action::Apply { body, .. } = &plan.steps[0].action else { panic!("{plan:?}") };
    let left = crate::drift::differences("spec", &body.value()["spec"], &live);
    assert_eq!(left[0].path, "spec.template.spec.containers[0].image");
    world.stubborn.insert(uid, left.into_iter().collect());
    assert!(!world.plan(Read::Mirror).writes());
    // What somebody else writes there is drift.
    world.workload("a")["spec"]["template"]["spec"]["containers"][0]["image"] = json!("by-hand:2");
    assert!(world.plan(Read::Mirror).steps[0].action.is_repair());
}

#[test]
fn defect_11_what_an_autoscaler_set_survives_every_revision() {
    let mut world = World::new(&["a"]);
    world.settle();
    world.workload("a")["spec"]["replicas"] = json!(7);
    assert!(!world.plan(Read::Mirror).writes(), "replicas are not the YurtAppSet's");
    world.tweak(json!([image("a", "web:2")]));
    world.settle();
    assert_eq!(world.workload("a")["spec"]["replicas"], 7);
}

#[test]
fn a_rollback_gives_back_the_older_revision_and_its_pods() {
    let mut world = World::new(&["a"]);
    world.settle();
    let (specs, asked) = (world.specs(), world.set.spec.workload.0.clone());
    world.tweak(json!([image("a", "web:2")]));
    world.settle();
    world.ask(asked);
    world.settle();
    assert_eq!((world.specs(), world.history.len()), (specs, 2));
    let newest = world.history.iter().max_by_key(|revision| revision.number).unwrap();
    assert_eq!(
        (newest.number, world.set.status.as_ref().unwrap().current_revision.as_str()),
        (3, newest.name.as_str())
    );
}

#[test]
fn old_revisions_go_but_not_one_that_a_workload_is_of() {
    let mut world = World::new(&["a", "b"]);
    world.set.spec.revision_history_limit = Some(2);
    world.settle();
    let first = world.history[0].name.clone();
    world.released = Released::these(["b"]);
    for tag in 2..6 {
        world.tweak(json!([image("b", &format!("web:{tag}"))]));
        world.settle();
    }
    assert_eq!(world.workload("a")["metadata"]["labels"][names::REVISION], first.as_str());
    assert!(
        world.history.len() == 2 && world.history.iter().any(|revision| revision.name == first),
        "{:?}",
        world.history
    );
    world.set.spec.revision_history_limit = Some(1);
    world.released = Released::All;
    let plan = world.plan(Read::Quorum);
    world.carry_out(&plan, usize::MAX);
    let plan = world.plan_of(&world.pools, &[], Read::Mirror);
    assert!(
        plan.confirm && plan.retired.is_empty(),
        "a mirror that shows no workloads is no reason to forget their revisions"
    );
    world.settle();
    assert_eq!(world.history.len(), 1);
    world.set.spec.revision_history_limit = Some(-1);
    let plan = world.plan(Read::Mirror);
    assert!(plan.complaints[0].starts_with("spec.revisionHistoryLimit: -1 is not"), "{plan:?}");
}

/// Two pools whose workloads have the same name, which is a matter of a hash with 32 bits where names are cut.
#[test]
fn two_pools_whose_workloads_would_have_the_same_name_are_told_apart() {
    // Found by trying: one of some 77,000 pairs.
    let [one, other] = [1_562_789, 1_779_192].map(|index: u32| format!("{}-{index}", "p".repeat(50)));
    let [name, same] = [&one, &other].map(|pool| names::workload(names::WorkloadKind::StatefulSet, "web", pool));
    assert_eq!(name, same);
    let mut world = World::new(&[&one, &other]);
    let mut template = crate::render::tests::deployment();
    template["statefulSetTemplate"] = template["deploymentTemplate"].take();
    world.ask(crate::render::tests::workload(template, json!([])));
    let plan = world.plan(Read::Quorum);
    assert_eq!(plan.holds.keys().collect::<Vec<_>>(), [&other]);
    let why = plan.holds[&other].to_string();
    assert!(
        why.starts_with("the name of its workload, web-ppp") && why.ends_with(&format!("is that of pool {one}")),
        "{why}"
    );
    assert_eq!(plan.steps.iter().map(|step| &step.pool).collect::<Vec<_>>(), [&one]);
}
