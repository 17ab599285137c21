//! What the last plan found, taken up by the next one.

use super::*;

fn pools_of(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.pool.as_str()).collect()
}

#[test]
fn steps_that_were_not_taken_are_planned_again_as_they_were() {
    let mut world = World::new(&["a", "b", "c"]);
    world.settle();
    world.tweak(json!([image("a", "web:2"), image("b", "web:2"), image("c", "web:2")]));
    let first = world.plan(Read::Mirror);
    world.note(&first);
    // The revision, and one step.
    world.carry_out(&first, 2);
    let next = world.plan(Read::Mirror);
    assert_eq!((pools_of(&next.steps), &next.steps[..]), (vec!["b", "c"], &first.steps[1..]));
    assert!(next.trials.is_empty(), "they were not rendered again");
    let known = std::mem::take(&mut world.known);
    assert_eq!(world.plan(Read::Mirror).steps, next.steps);
    world.known = known;
    // Another spec is another matter.
    world.tweak(json!([image("b", "web:3")]));
    let other = world.plan(Read::Mirror);
    assert_eq!((pools_of(&other.steps), other.trials.is_empty()), (vec!["a", "b", "c"], false));
}

#[test]
fn a_step_that_may_not_be_taken_any_more_is_held_and_what_it_would_have_put_back_is_put_back() {
    let mut world = World::new(&["a", "b"]);
    world.settle();
    world.tweak(json!([image("a", "web:2"), image("b", "web:2")]));
    world.workload("b")["spec"]["template"]["spec"]["containers"][0]["image"] = json!("by-hand:1");
    let first = world.plan(Read::Mirror);
    assert_eq!(pools_of(&first.steps), ["a", "b"]);
    world.note(&first);
    world.released = Released::these([]);
    let next = world.plan(Read::Mirror);
    assert_eq!((next.holds.len(), pools_of(&next.steps)), (2, vec!["b"]));
    assert!(next.steps[0].action.is_repair(), "{next:?}");
}

#[test]
fn a_name_that_was_just_read_to_be_taken_is_not_read_again() {
    let mut world = World::new(&["a", "b"]);
    world.settle();
    world.occupied = [world.workload("a")["metadata"]["name"].as_str().unwrap().to_owned()].into();
    world.remove("a");
    let plan = world.plan(Read::Mirror);
    assert_eq!((plan.confirm, plan.holds["a"].kind(), plan.steps.len()), (false, "name_taken", 0));
    world.released = Released::these([]);
    let plan = world.plan(Read::Mirror);
    assert_eq!((plan.confirm, plan.holds["a"].kind()), (false, "name_taken"), "nor does it wait for a turn");
    world.released = Released::All;
    let plan = world.plan(Read::Quorum);
    assert_eq!((plan.holds.len(), pools_of(&plan.steps)), (0, vec!["a"]), "it is free");
}
