use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::plan::tests::world::World;
use crate::plan::{OnRefusal, Read, Released, Standing};

fn conditions_of(world: &World) -> BTreeMap<String, (String, String, String)> {
    let status = world.set.status.as_ref().unwrap();
    let said = |condition: &YurtAppSetCondition| {
        (condition.status.clone(), condition.reason.clone(), condition.message.clone())
    };
    status.conditions.iter().map(|condition| (condition.kind.clone(), said(condition))).collect()
}

fn counts(world: &World) -> [i32; 3] {
    let status = world.set.status.as_ref().unwrap();
    [status.total_workloads, status.ready_workloads, status.updated_workloads]
}

fn triple(status: &str, reason: &str, message: &str) -> (String, String, String) {
    (status.to_owned(), reason.to_owned(), message.to_owned())
}

fn image(tag: &str) -> Value {
    json!([{"nodepoolSelector": {}, "tweaks": {"containerImages": [{"name": "web", "targetImage": format!("web:{tag}")}]}}])
}

fn broken() -> Value {
    json!({"pools": ["b"], "tweaks": {"patches": [{"operation": "remove", "path": "/spec/nothing"}]}})
}

#[test]
fn a_yurt_app_set_that_is_done_says_what_openyurt_says() {
    let mut world = World::new(&["b", "a"]);
    world.settle();
    assert_eq!(
        conditions_of(&world),
        [
            ("PoolFound", triple("True", "FindPools", "There are 2 matched nodepools: [a b]")),
            ("AppDispatched", triple("True", "", "All expected workloads are created successfully")),
            ("AppDeleted", triple("True", "", "Unexpected workloads are deleted successfully")),
            ("AppUpdated", triple("True", "", "All expected workloads are updated successfully")),
            ("AppReady", triple("True", "AllWorkloadsReady", "")),
        ]
        .map(|(kind, said)| (kind.to_owned(), said))
        .into()
    );
    assert_eq!((counts(&world), world.set.status.as_ref().unwrap().observed_generation), ([2, 2, 2], Some(1)));
}

/// Defect 8 of OpenYurt, with defect 4: the moments at which its counts are wrong.
#[test]
fn defect_8_counts_are_right_at_every_moment() {
    let mut world = World::new(&["a", "b"]);
    world.settle();
    world.tweak(image("2"));
    let plan = world.plan(Read::Mirror);
    world.carry_out(&plan, usize::MAX);
    // Written, and its controller has not looked yet.
    world.workload("a")["status"]["observedGeneration"] = json!(1);
    world.say(&plan, &Failures::default());
    assert_eq!(counts(&world), [2, 1, 1]);
    assert_eq!(conditions_of(&world)["AppUpdated"].0, "True", "written is not rolled out");
    assert_eq!(conditions_of(&world)["AppReady"], triple("False", "NotAllWorkloadsReady", ""));
    // It looked, and an old pod is left.
    world.workload("a")["status"] =
        json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1});
    world.say(&plan, &Failures::default());
    assert_eq!(counts(&world), [2, 2, 1]);
    world.tweak(json!([{"nodepoolSelector": {}, "tweaks": {"replicas": 0}}]));
    world.settle();
    assert_eq!(counts(&world), [2, 2, 2], "without any pod it is ready");
    assert_eq!(conditions_of(&world)["AppReady"].0, "True");
}

/// Defect 7 of OpenYurt: an error keeps the status from being written, and one pool the others from being made.
#[test]
fn defect_7_an_error_is_said_beside_what_succeeded() {
    let mut world = World::new(&["a", "b"]);
    world.on_refusal = OnRefusal::HoldPools;
    world.tweak(json!([broken()]));
    world.settle();
    let (status, reason, message) = conditions_of(&world)["AppDispatched"].clone();
    assert_eq!((status.as_str(), reason.as_str(), counts(&world)), ("False", "CreateWorkloadError", [1, 1, 1]));
    assert!(message.starts_with("b: spec.workload.workloadTweaks[0].tweaks.patches[0]: remove at"), "{message}");
    let plan = world.plan(Read::Mirror);
    let failures = Failures {
        written: [("a".to_owned(), "admission webhook denied it".to_owned())].into(),
        ..Failures::default()
    };
    world.say(&plan, &failures);
    assert_eq!(
        conditions_of(&world)["AppUpdated"],
        triple("False", "UpdateWorkloadError", "a: admission webhook denied it")
    );
    let failures = Failures { deleted: [("web-z".to_owned(), "forbidden".to_owned())].into(), ..Failures::default() };
    world.say(&plan, &failures);
    assert_eq!(conditions_of(&world)["AppDeleted"], triple("False", "DeleteWorkloadError", "web-z: forbidden"));
    assert_eq!(conditions_of(&world)["AppUpdated"].0, "True", "the other error is over");
}

#[test]
fn a_revision_that_could_not_be_recorded_is_said_of_all_pools_that_wait_for_it() {
    let mut world = World::new(&["a"]);
    world.settle();
    let before = world.set.status.clone().unwrap().current_revision;
    world.tweak(image("2"));
    let plan = world.plan(Read::Mirror);
    let failures = Failures { revision: Some("recording the revision: forbidden".to_owned()), ..Failures::default() };
    world.say(&plan, &failures);
    assert_eq!(
        conditions_of(&world)["AppUpdated"],
        triple("False", "UpdateWorkloadError", "a: recording the revision: forbidden")
    );
    assert_eq!(world.set.status.unwrap().current_revision, before);
}

#[test]
fn what_is_held_says_so_and_is_no_error() {
    let mut world = World::new(&["a", "b"]);
    world.choose(&["a"]);
    world.settle();
    world.choose(&["a", "b"]);
    world.released = Released::these([]);
    world.tweak(image("2"));
    world.settle();
    assert_eq!(
        conditions_of(&world)["AppUpdated"],
        triple("False", "UpdateWorkloadHeld", "a: waits for its turn: the run has not looked at it yet")
    );
    assert_eq!(
        conditions_of(&world)["AppDispatched"],
        triple("False", "CreateWorkloadHeld", "b: waits for its turn: the run has not looked at it yet")
    );
    assert_eq!((counts(&world), conditions_of(&world)["AppReady"].0.as_str()), ([1, 1, 0], "False"));
    world.standing = Standing::Held("yurt-manager lives".to_owned());
    world.choose(&[]);
    world.settle();
    let (_, reason, message) = conditions_of(&world)["AppDeleted"].clone();
    assert!(reason == "DeleteWorkloadHeld" && message.ends_with(": held: yurt-manager lives"), "{message}");
    assert_eq!(
        conditions_of(&world)["PoolFound"],
        triple("False", "NoFindPools", "There are no matched nodepools for YurtAppSet")
    );
}

#[test]
fn a_selector_that_cannot_be_read_is_said_and_everything_else_stays_said() {
    let mut world = World::new(&["a"]);
    world.settle();
    let mut before = conditions_of(&world);
    world.set.spec.nodepool_selector =
        serde_json::from_value(json!({"matchExpressions": [{"key": "a", "operator": "Near"}]})).unwrap();
    world.settle();
    let (status, reason, message) = conditions_of(&world)["PoolFound"].clone();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "InvalidSelector"));
    assert!(message.starts_with("spec.nodepoolSelector.matchExpressions[0].operator: \"Near\""), "{message}");
    before.insert("PoolFound".to_owned(), (status, reason, message));
    assert_eq!((conditions_of(&world), counts(&world)), (before, [1, 1, 1]));
}

/// Defect 2 of OpenYurt: it moves with every change of a message.
#[test]
fn defect_2_the_time_of_a_condition_moves_with_its_status_only() {
    let mut world = World::new(&["a", "b"]);
    world.choose(&["a"]);
    world.settle();
    let times = |world: &World| {
        let conditions = &world.set.status.as_ref().unwrap().conditions;
        conditions
            .iter()
            .map(|condition| condition.last_transition_time.clone().unwrap().0.as_second())
            .collect::<Vec<_>>()
    };
    let first = times(&world);
    world.now += SignedDuration::from_millis(3_600_500);
    world.choose(&["a", "b"]);
    world.settle();
    assert_eq!(times(&world), first, "the message of PoolFound is another, its status the same");
    world.choose(&[]);
    world.settle();
    assert_ne!(times(&world)[0], first[0]);
    assert_eq!(
        [times(&world)[1], times(&world)[3]],
        [first[1], first[3]],
        "AppDispatched and AppUpdated are what they were"
    );
}

#[test]
fn what_others_and_later_versions_wrote_into_a_status_stays() {
    let mut world = World::new(&["a"]);
    world.set.status = Some(
        serde_json::from_value(json!({
            "collisionCount": 2, "fieldOfTheFuture": 1, "conditions": [{"type": "Theirs", "status": "Unknown"}],
        }))
        .unwrap(),
    );
    world.settle();
    let status = world.set.status.clone().unwrap();
    assert_eq!((status.collision_count, &status.other["fieldOfTheFuture"]), (Some(2), &json!(1)));
    assert_eq!((status.conditions[0].kind.as_str(), status.conditions.len()), ("Theirs", 6));
}

/// Defect 6 of OpenYurt: it fails over a negative limit for ever, and says nothing.
#[test]
fn a_complaint_that_holds_nothing_is_said_all_the_same() {
    let mut world = World::new(&["a"]);
    world.set.spec.revision_history_limit = Some(-1);
    world.settle();
    let (status, _, message) = conditions_of(&world)["AppUpdated"].clone();
    let complaint = "spec.revisionHistoryLimit: -1 is not an integer of at least 0; no revision is deleted";
    assert_eq!(
        (status.as_str(), message),
        ("True", format!("All expected workloads are updated successfully; {complaint}"))
    );
}

#[test]
fn an_object_that_cannot_be_read_says_so_once_and_keeps_what_it_said_besides() {
    let mut world = World::new(&["a"]);
    world.settle();
    let (before, why) = (world.set.status.clone().unwrap(), "the YurtAppSet cannot be read: ".repeat(100));
    let status = unreadable(&before, Some(7), &why, world.now);
    let (found, others): (Vec<_>, Vec<_>) = status.conditions.iter().partition(|known| known.kind == "PoolFound");
    assert_eq!((found[0].status.as_str(), found[0].reason.as_str()), ("False", "InvalidYurtAppSet"));
    assert!(found[0].message.len() < 2_000 && status.observed_generation == Some(7));
    assert!(others.iter().all(|known| before.conditions.contains(known)) && others.len() == 4);
    let later = world.now + SignedDuration::from_hours(1);
    assert_eq!(unreadable(&status, Some(7), &why, later), status, "nothing is to be written");
}
