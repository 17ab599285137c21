//! Views that cannot be believed, and holds that nobody ends.

use jiff::SignedDuration;
use planner::rollout::{DesiredState, News, Outcome, Point, RunPhase};
use planner::strategy::{Approval, Wave};

use super::world::{World, held, hold, wave};

const POOLS: [&str; 4] = ["a", "b", "c", "lab"];

fn world() -> World {
    let mut world = World::new(&POOLS, vec![wave("canary", &["lab"])]);
    world.strategy.progress_deadline = SignedDuration::from_hours(1);
    world
}

/// How often the run was announced again.
fn announced(world: &World) -> usize {
    world.news.iter().filter(|news| matches!(news, News::StillHeld(_))).count()
}

#[test]
fn while_a_watch_is_silent_nothing_starts_and_nobody_succeeds_or_fails_and_then_the_run_goes_on() {
    let mut world = world();
    assert_eq!(world.next(), "lab");
    world.silent = true;
    world.settle("lab");
    world.ticks(80);
    assert_eq!(world.outcome("lab"), Some(Outcome::Settled), "what was heard a moment ago is believed");

    let mut world = self::world();
    assert_eq!(world.next(), "lab");
    world.silent = true;
    let plan = world.ticks(91);
    world.settle("lab");
    assert_eq!((held(&plan), plan.report.phase), (Some("Stale"), RunPhase::Held));
    assert!(hold(&plan, "a").starts_with("nothing was heard from the API server since 1970-01-01T01:00:01Z"));
    let plan = world.ticks(500);
    assert_eq!((world.outcome("lab"), world.updated()), (Some(Outcome::Open), vec!["lab"]));
    // The watch may come back with a bookmark alone, which wakes nobody: the plan says when to look.
    let again = plan.revisit.map(|at| at.duration_since(world.now));
    assert!(again.is_some_and(|again| again <= SignedDuration::from_secs(5)), "{again:?}");
    world.silent = false;
    let plan = world.tick();
    assert_eq!((world.outcome("lab"), plan.steps.len()), (Some(Outcome::Settled), 3));
}

#[test]
fn a_run_that_is_stopped_anyway_is_looked_at_again_when_its_watch_may_be_back() {
    let mut world = world();
    world.strategy.max_failures = planner::strategy::Amount::Count(0);
    world.prompt = true;
    world.next();
    world.fail("lab");
    world.prompt = false;
    world.until(|world, _| world.run.halt().is_some());
    world.silent = true;
    let plan = world.ticks(100);
    assert!(plan.revisit.is_some_and(|at| at <= world.now + SignedDuration::from_secs(5)), "{:?}", plan.revisit);
}

#[test]
fn what_only_somebody_ends_is_announced_again_after_a_day_once_and_across_restarts() {
    let mut world = World::new(&POOLS, vec![Wave { approval: Approval::BeforeWave, ..wave("canary", &["lab"]) }]);
    world.tick();
    world.now += SignedDuration::from_hours(23);
    world.restart();
    world.tick();
    assert_eq!(announced(&world), 0);
    world.now += SignedDuration::from_hours(1);
    world.ticks(3);
    assert_eq!(announced(&world), 1);
    world.restart();
    world.now += SignedDuration::from_hours(48);
    world.ticks(3);
    assert_eq!(announced(&world), 1);
    // What it waits for next has a day of its own.
    world.approve("canary", Point::BeforeWave, true);
    world.prompt = true;
    world.tick();
    world.control.desired = DesiredState::Paused;
    world.ticks(3);
    world.now += SignedDuration::from_hours(23);
    world.tick();
    assert_eq!(announced(&world), 1);
    world.now += SignedDuration::from_hours(2);
    world.tick();
    assert_eq!(announced(&world), 2);
    let said = world.news.iter().rev().find_map(|news| match news {
        News::StillHeld(said) => Some(said.as_str()),
        _ => None,
    });
    assert!(said.is_some_and(|said| said.contains("the run is paused by spec.desiredState")), "{said:?}");
}
