//! What becomes of a pool that has the revision.

use planner::fleet::Phase;
use planner::rollout::{Outcome, Run, RunPhase};
use planner::strategy::{Amount, Wave};

use super::world::{World, hold, wave};

/// Pools `a` (the canary), `b`, `c` and `d` (one at a time), each with a workload.
fn world() -> World {
    let others = Wave { max_concurrent_pools: Some(Amount::Count(1)), ..wave("others", &["b", "c", "d"]) };
    World::new(&["a", "b", "c", "d"], vec![wave("canary", &["a"]), others])
}

#[test]
fn a_failed_pool_frees_its_slot_for_the_next_of_its_wave_and_is_named_to_others() {
    let mut world = world();
    assert_eq!(world.next(), "a");
    world.settle("a");
    let first = world.next();
    let plan = world.tick();
    let waiting = ["b", "c", "d"].into_iter().find(|pool| *pool != first).unwrap();
    assert_eq!((plan.steps.len(), hold(&plan, waiting)), (0, "1 pools of its wave are under change, 1 may be".into()));
    world.fail(&first);
    let second = world.next();
    assert_eq!(world.outcome(&first), Some(Outcome::Failed));
    assert!(second != first && second != "a");
    world.fail(&second);
    while world.outcome(&second) != Some(Outcome::Failed) {
        world.tick();
    }
    let plan = world.tick();
    let last = ["b", "c", "d"].into_iter().find(|pool| *pool != first && *pool != second).unwrap();
    let mut failed = [first, second];
    failed.sort();
    let evidence = format!("2 of 3 updated pools failed ({}), 1 may", failed.join(", "));
    assert_eq!((plan.report.phase, hold(&plan, last)), (RunPhase::Halted, format!("the run is halted: {evidence}")));
}

#[test]
fn a_workload_that_is_being_rolled_out_has_not_settled_though_its_old_pods_are_ready() {
    let mut world = world();
    assert_eq!(world.next(), "a");
    world.settle("a");
    world.pool("a").pod[0].phase = Phase::Pending;
    world.tick();
    assert_eq!(world.outcome("a"), Some(Outcome::Open));
    world.settle("a");
    world.tick();
    assert_eq!(world.outcome("a"), Some(Outcome::Settled));
}

#[test]
fn a_workload_that_was_given_back_is_a_candidate_anew() {
    let mut world = world();
    assert_eq!(world.next(), "a");
    world.settle("a");
    world.tick();
    world.pool("a").pod[0].revision = "r1".into();
    assert_eq!(world.next(), "a");
}

#[test]
fn what_a_superseded_revision_does_to_a_pool_is_no_excuse_for_the_next() {
    let mut world = world();
    assert_eq!(world.next(), "a");
    world.tick();
    (world.run, world.revision) = (Run::begin(Some(&world.run)), "r3");
    let plan = world.tick();
    assert_eq!(plan.steps.len(), 1);
    assert!(!plan.steps[0].was_down, "it was well before r2 came");
    world.fail("a");
    while world.outcome("a") == Some(Outcome::Open) {
        world.tick();
    }
    assert_eq!(world.outcome("a"), Some(Outcome::Failed));
}

#[test]
fn a_pool_that_was_lost_in_flight_succeeds_or_fails_once_it_is_back() {
    for well in [true, false] {
        let mut world = world();
        assert_eq!(world.next(), "a");
        world.dark("a");
        while world.outcome("a") != Some(Outcome::Lost) {
            world.tick();
        }
        world.back("a");
        if well {
            world.settle("a");
        }
        let expected = if well { Outcome::Settled } else { Outcome::Failed };
        for _ in 0..70 {
            world.tick();
        }
        assert_eq!(world.outcome("a"), Some(expected));
    }
}
