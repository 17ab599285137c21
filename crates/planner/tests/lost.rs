//! Units whose node was away for longer than the brake, and is back (rules 5 and 6).

mod model;

use jiff::SignedDuration;
use model::{Release, World, completed, halted};
use planner::rollout::{HaltReason, Outcome};
use planner::strategy::{Amount, Strategy};

const CALM: u64 = 300;

/// Ten nodes, one slot; one of the nodes was restarted, left before its pod was Ready, and is lost.
fn world_with_a_lost_node(spoilt: bool) -> (World, usize) {
    let mut world = World::new(7, 10, 1, Strategy::implied(Amount::Percent(10)));
    if spoilt {
        world.spoil(4);
    }
    world.release("r2", Release::Good);
    let lost = loop {
        world.tick(CALM);
        if let Some(lost) = world.pods.iter().position(|pods| pods.iter().any(|pod| pod.deleting)) {
            break lost;
        }
    };
    world.set_up(lost, false);
    while outcome(&world, lost) != Some(Outcome::Lost) {
        world.tick(CALM);
    }
    (world, lost)
}

fn outcome(world: &World, at: usize) -> Option<Outcome> {
    world.run.track(world.nodes[at].uid).map(|track| track.outcome)
}

/// Brings it back, its pods crash-looping from the first second; how long until it has another outcome.
fn comes_back_broken(world: &mut World, lost: usize) -> i64 {
    world.set_up(lost, true);
    let mut ticks = 0;
    while outcome(world, lost) == Some(Outcome::Lost) && ticks < 7200 {
        world.spoil(lost);
        world.tick(CALM);
        ticks += 1;
    }
    ticks
}

#[test]
fn a_unit_that_comes_back_broken_has_failed() {
    let (mut world, lost) = world_with_a_lost_node(false);
    let took = comes_back_broken(&mut world, lost);
    assert_eq!(outcome(&world, lost), Some(Outcome::Failed));
    assert!((300..310).contains(&took), "failed_after is 300 s, and counts from the return: {took}");
    world.spoil(lost);
    world.tick(CALM);
    assert_eq!(world.run.halt().map(|halt| halt.reason), Some(HaltReason::NoSlotLeft));
}

#[test]
fn a_unit_that_comes_back_and_is_never_ready_has_failed_at_the_progress_deadline() {
    let (mut world, lost) = world_with_a_lost_node(false);
    world.strategy.progress_deadline = SignedDuration::from_secs(900);
    world.set_up(lost, true);
    let never_ready = |world: &mut World| world.pods[lost].iter_mut().for_each(|pod| pod.created = world.now);
    let mut ticks = 0;
    while outcome(&world, lost) == Some(Outcome::Lost) && ticks < 7200 {
        never_ready(&mut world);
        world.tick(CALM);
        ticks += 1;
    }
    assert_eq!(outcome(&world, lost), Some(Outcome::Failed));
    assert!((900..910).contains(&ticks), "{ticks}");
}

#[test]
fn a_unit_that_was_broken_before_and_comes_back_broken_blocks_nobody() {
    let (mut world, lost) = world_with_a_lost_node(true);
    assert_eq!(lost, 4, "units that are down go first");
    comes_back_broken(&mut world, lost);
    assert_eq!(outcome(&world, lost), Some(Outcome::PreExisting));
    let mut done = false;
    for _ in 0..7200 {
        world.spoil(lost);
        let plan = world.tick(CALM);
        done |= completed(&world, &plan);
    }
    assert!(done, "{:?}", world.run);
    assert!(world.run.halt().is_none());
}

#[test]
fn a_unit_that_comes_back_well_settles() {
    let (mut world, lost) = world_with_a_lost_node(false);
    while world.restarted == 1 {
        world.tick(CALM);
    }
    world.set_up(lost, true);
    let end = world.run_until(7200, CALM, |world, plan| completed(world, plan) || halted(world, plan));
    assert!(end.is_some() && world.run.halt().is_none(), "{:?}", world.run.halt());
    assert_eq!(outcome(&world, lost), Some(Outcome::Settled));
}
