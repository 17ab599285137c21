//! What OpenYurt left.

use super::*;
use crate::children::tests::openyurts;

/// A world of which OpenYurt made the workloads, of the revision that is asked for.
fn taken_over(pools: &[&str]) -> World {
    let mut world = World::new(pools);
    world.settle();
    hand_over(&mut world);
    world
}

/// Makes the workloads of a world what OpenYurt would have made of the newest revision.
pub(super) fn hand_over(world: &mut World) {
    let made: Vec<_> = std::mem::take(&mut world.workloads).into_values().collect();
    let name = format!("web-5f{}", world.history.len());
    let newest = world.history.iter_mut().max_by_key(|revision| revision.number);
    newest.into_iter().for_each(|revision| name.clone_into(&mut revision.name));
    for (age, mut object) in (1..).zip(made) {
        let pool = object["metadata"]["labels"][names::POOL_NAME].as_str().unwrap().to_owned();
        object["metadata"] = openyurts(&format!("web-{pool}-x7k2p"), &pool, age)["metadata"].clone();
        object["metadata"]["labels"][names::REVISION] = json!(name);
        object["spec"]["template"]["metadata"]["labels"][names::REVISION] = json!(name);
        world.put(object);
    }
}

#[test]
fn workloads_of_openyurts_are_adopted_where_they_are() {
    let mut world = taken_over(&["a", "b"]);
    let names: Vec<_> = world.workloads.keys().cloned().collect();
    let plan = world.plan(Read::Mirror);
    let adopted = |step: &Step| matches!(step.action, Action::Apply { cause: Cause::Adopted, restarts: false, .. });
    assert!(plan.steps.len() == 2 && plan.steps.iter().all(adopted), "{plan:?}");
    assert_eq!(plan.current.as_ref().unwrap().record, Record::Kept, "OpenYurt's revision is the revision");
    world.settle();
    assert_eq!((world.workloads.keys().cloned().collect::<Vec<_>>(), world.restarts.len()), (names.clone(), 0));
    world.tweak(json!([replicas("a", 3)]));
    world.settle();
    assert_eq!((world.workload("a")["spec"]["replicas"].clone(), world.restarts.len()), (json!(3), 0));
    world.tweak(json!([image("a", "web:2")]));
    world.settle();
    assert_eq!(world.restarts.keys().collect::<Vec<_>>(), ["web-a-x7k2p"]);
    assert_eq!(world.workloads.keys().cloned().collect::<Vec<_>>(), names, "no workload is made anew");
    assert_eq!(world.workload("a")["spec"]["template"]["metadata"]["labels"].get(names::REVISION), None);
    assert_eq!(world.workload("b")["spec"]["template"]["metadata"]["labels"][names::REVISION], "web-5f1");
}

#[test]
fn adoption_goes_on_while_a_revision_is_held_and_changes_no_pods() {
    let mut world = taken_over(&["a", "b"]);
    world.released = Released::these([]);
    world.tweak(json!([image("a", "web:2")]));
    let rest = world.settle();
    assert_eq!((world.restarts.len(), held(&rest).len()), (0, 2));
    let known = |object: &Value| object["metadata"]["annotations"].get(names::TEMPLATE).is_some();
    assert!(world.workloads.values().all(known));
    world.released = Released::All;
    world.settle();
    assert_eq!(world.restarts.keys().collect::<Vec<_>>(), ["web-a-x7k2p"]);
}

/// Adoption passes every hold: replicas that are the YurtAppSet's would go back in all pools at once.
#[test]
fn what_an_autoscaler_set_survives_adoption_and_that_is_said() {
    let mut world = World::new(&["a", "b"]);
    world.tweak(json!([replicas("a", 2), replicas("b", 2)]));
    world.settle();
    hand_over(&mut world);
    let scaled = json!({"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
    for pool in ["a", "b"] {
        world.workload(pool)["spec"]["replicas"] = json!(20);
    }
    world.workload("a")["metadata"]["managedFields"] = json!([scaled]);
    world.released = Released::these([]);
    let rest = world.settle();
    let now = |world: &World| ["a", "b"].map(|pool| world.specs()[pool]["replicas"].clone());
    assert_eq!(now(&world), [json!(20), json!(2)], "what somebody wrote into the workload itself is put back");
    assert!(
        rest.complaints[0].starts_with("the replicas of Deployment web-a-x7k2p stay as an autoscaler"),
        "{:?}",
        rest.complaints
    );
    world.released = Released::All;
    world.tweak(json!([replicas("a", 2), replicas("b", 4)]));
    world.settle();
    assert_eq!((now(&world), world.restarts.len()), ([json!(20), json!(4)], 0));
    world.tweak(json!([replicas("a", 3), replicas("b", 4)]));
    let rest = world.settle();
    assert_eq!((now(&world), rest.complaints), ([json!(3), json!(4)], Vec::new()));
}

/// Defect 3 of OpenYurt, as it leaves it to whoever comes next.
#[test]
fn of_two_workloads_in_a_pool_the_younger_goes_once_the_older_is_ready() {
    let mut world = taken_over(&["a"]);
    let mut second = openyurts("web-a-later", "a", 9);
    second["spec"] = world.workload("a")["spec"].clone();
    world.put(second);
    let ready = world.workloads.get_mut("web-a-x7k2p").unwrap()["status"]["readyReplicas"].take();
    let plan = world.plan(Read::Quorum);
    assert_eq!(plan.spared["web-a-later"], Hold::Surplus { pool: "a".to_owned(), kept: "web-a-x7k2p".to_owned() });
    world.workloads.get_mut("web-a-x7k2p").unwrap()["status"]["readyReplicas"] = ready;
    assert!(world.plan(Read::Mirror).confirm);
    let plan = world.plan(Read::Quorum);
    world.carry_out(&plan, usize::MAX);
    world.settle();
    assert_eq!(world.workloads.keys().collect::<Vec<_>>(), ["web-a-x7k2p"]);
}

/// Defect 17 of OpenYurt.
#[test]
fn defect_17_an_orphan_of_a_pool_that_is_not_chosen_is_neither_adopted_nor_deleted() {
    let mut world = taken_over(&["a", "b"]);
    for pool in ["a", "b"] {
        world.workload(pool)["metadata"]["ownerReferences"] = json!([]);
    }
    world.choose(&["a"]);
    world.settle();
    assert_eq!(world.workload("a")["metadata"]["ownerReferences"][0]["controller"], true);
    assert_eq!(world.workload("b")["metadata"]["ownerReferences"], json!([]));
    assert_eq!((world.workloads.len(), world.restarts.len()), (2, 0));
}

#[test]
fn a_name_that_is_anothers_is_left_to_it() {
    let mut world = World::new(&["a", "b"]);
    let name = names::workload(names::WorkloadKind::Deployment, "web", "a");
    world.put(json!({"metadata": {"name": name, "uid": "x", "labels": {names::POOL_NAME: "z"}}, "spec": {}}));
    let rest = world.settle();
    let sentence = format!("there is a workload {name} already, which is not this YurtAppSet's; delete or rename it");
    assert_eq!((held(&rest), world.workloads.len()), (vec![("a", sentence)], 2));
    world.workloads.remove(&name);
    world.settle();
    assert_eq!(world.workloads.len(), 2);
}
