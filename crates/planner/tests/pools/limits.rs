//! How many pools are under change at once.

use planner::strategy::{Amount, SlowStart, Wave};

use super::world::{World, held, hold, wave};

const POOLS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

/// Goes on to the end, the pool that began first being done first; the most that are under change at once.
fn most(world: &mut World) -> usize {
    let (mut most, mut begun) = (0, Vec::<String>::new());
    for _ in 0..1_000 {
        let plan = world.tick();
        begun.extend(plan.steps.iter().map(|step| step.pool.to_string()));
        most = most.max(begun.len());
        if !begun.is_empty() {
            world.settle(&begun.remove(0));
        }
    }
    assert!(world.run.completed_at().is_some(), "it never ends: {:?}", world.tick().report);
    most
}

#[test]
fn no_more_pools_than_the_run_may_are_under_change_or_down_in_all_waves_together() {
    // A wave's own share is of its own pools: of six in the rest 34 % are three.
    for (amount, allowed) in [(Amount::Count(2), 2), (Amount::Percent(34), 3), (Amount::Percent(1), 1)] {
        let mut world = World::new(&POOLS, vec![wave("first", &["a", "b", "c"])]);
        world.strategy.max_unavailable = amount;
        assert_eq!(most(&mut world), allowed, "{amount:?}");
        assert_eq!(world.updated(), POOLS);
    }
}

#[test]
fn a_pool_that_is_down_already_counts_and_goes_first() {
    let mut world = World::new(&POOLS, vec![]);
    world.strategy.max_unavailable = Amount::Count(2);
    world.break_down("f");
    let plan = world.tick();
    assert_eq!((plan.steps.len(), &*plan.steps[0].pool, plan.steps[0].was_down), (2, "f", true));
    let waits = ["a", "b"].into_iter().find(|pool| !world.updated().contains(pool)).unwrap();
    assert_eq!(hold(&plan, waits), "2 of 2 allowed pools of the run are under change or down");
}

#[test]
fn a_budget_of_none_is_told_and_stops() {
    let mut world = World::new(&POOLS, vec![]);
    world.strategy.max_unavailable = Amount::Count(0);
    let plan = world.ticks(10);
    assert_eq!((plan.steps.len(), held(&plan)), (0, Some("NoBudget")));
    assert!(plan.report.sentence.starts_with("held: maxUnavailable of the run is 0"), "{}", plan.report.sentence);
}

#[test]
fn each_wave_has_the_budget_that_it_names() {
    let first = Wave { max_unavailable: Some(Amount::Count(1)), ..wave("first", &["a", "b", "c"]) };
    let second = Wave { max_unavailable: Some(Amount::Percent(50)), ..wave("second", &["d", "e", "f", "g"]) };
    let mut world = World::new(&POOLS, vec![first, second]);
    let plan = world.tick();
    assert_eq!(plan.steps.len(), 1);
    let waits = ["a", "b"].into_iter().find(|pool| !world.updated().contains(pool)).unwrap();
    assert_eq!(hold(&plan, waits), "1 of 1 allowed pools of the wave are under change or down");
    let begun = plan.steps[0].pool.to_string();
    world.settle(&begun);
    world.prompt = true;
    let plan = world.until(|_, plan| plan.steps.iter().any(|step| "defg".contains(&*step.pool)));
    assert_eq!(plan.steps.len(), 2, "the half of four");
    assert_eq!(world.until(|_, plan| plan.steps.iter().any(|step| "hi".contains(&*step.pool))).steps.len(), 2);
}

#[test]
fn a_slow_start_doubles_with_what_has_settled() {
    let mut world = World::new(&POOLS, vec![]);
    (world.strategy.slow_start, world.strategy.min_observed) = (SlowStart::Doubling, 1);
    let plan = world.tick();
    assert_eq!(plan.steps.len(), 1);
    let waits = POOLS.into_iter().find(|pool| !world.updated().contains(pool)).unwrap();
    assert_eq!(hold(&plan, waits), "slow start waits for 1 pools under way to settle, 1 may be");
    world.prompt = true;
    let mut steps = Vec::new();
    world.until(|world, _| world.updated() == POOLS || world.now.as_second() > 3_700);
    world.completed();
    assert_eq!(world.updated(), POOLS);
    // Again, counted: as many as have settled.
    let mut world = World::new(&POOLS, vec![]);
    (world.strategy.slow_start, world.strategy.min_observed, world.prompt) = (SlowStart::Doubling, 1, true);
    while world.run.completed_at().is_none() {
        let plan = world.tick();
        steps.extend((!plan.steps.is_empty()).then_some(plan.steps.len()));
    }
    assert_eq!(steps, [1, 1, 2, 4, 1]);
}

#[test]
fn those_that_return_are_caught_up_inside_a_budget_of_their_own() {
    let mut world = World::new(&POOLS, vec![wave("canary", &["a"])]);
    world.strategy.catch_up_max_unavailable = Amount::Count(1);
    let away = ["b", "c", "d"];
    away.iter().for_each(|pool| world.dark(pool));
    world.prompt = true;
    world.completed();
    away.iter().for_each(|pool| world.back(pool));
    world.prompt = false;
    let mut order = Vec::new();
    for _ in away {
        let plan = world.until(|_, plan| !plan.steps.is_empty());
        assert_eq!(plan.steps.len(), 1, "one at a time");
        let pool = plan.steps[0].pool.to_string();
        let plan = world.ticks(20);
        for waits in away.iter().filter(|waits| !world.updated().contains(waits)) {
            assert_eq!(hold(&plan, waits), "1 of 1 allowed pools of the catch-up are under change or down");
        }
        world.settle(&pool);
        order.push(pool);
    }
    order.sort();
    assert_eq!(order, away);
}
