//! Pools that were away, pinned or not there while a run passed, under each `offline.catchUp`.

use planner::strategy::{CatchUp, Effect, Selector, Window};

use super::world::{World, hold, wave};

const POOLS: [&str; 4] = ["a", "b", "c", "d"];

/// A run that completed while `b` was away and `c` was pinned.
fn passed(catch_up: CatchUp) -> World {
    let mut world = World::new(&POOLS, vec![wave("canary", &["a", "b"])]);
    world.strategy.catch_up = catch_up;
    world.dark("b");
    world.pool("c").eligible = false;
    world.prompt = true;
    world.completed();
    assert_eq!(world.updated(), ["a", "d"]);
    world
}

#[test]
fn never_leaves_those_that_were_away_and_nobody_else() {
    for restarted in [false, true] {
        let mut world = passed(CatchUp::Never);
        if restarted {
            world.restart();
            // What a new process sees is Ready from then on.
            world.pools.iter_mut().for_each(|pool| {
                pool.node.link =
                    pool.node.link.ready_since().map_or(pool.node.link, |_| planner::fleet::Link::Ready(world.now));
            });
        }
        world.back("b");
        world.pool("c").eligible = true;
        world.add("new");
        world.until(|world, _| world.updated() == ["a", "c", "d", "new"]);
        let plan = world.ticks(100);
        assert_eq!(hold(&plan, "b"), "it was offline during its wave and offline.catchUp is Never");
        assert_eq!(world.updated(), ["a", "c", "d", "new"]);
        // The next revision is for everybody.
        (world.run, world.revision) = (planner::rollout::Run::begin(Some(&world.run)), "r3");
        world.until(|world, _| world.updated() == ["a", "b", "c", "d", "new"]);
    }
}

#[test]
fn never_does_not_leave_those_that_came_back_before_their_wave_was_done() {
    let mut world = World::new(&POOLS, vec![wave("canary", &["a", "b"])]);
    world.strategy.catch_up = CatchUp::Never;
    world.dark("b");
    world.tick();
    world.back("b");
    world.tick();
    assert_eq!(world.updated(), ["a", "b"]);
}

#[test]
fn always_passes_windows_and_in_window_waits_for_one() {
    for catch_up in [CatchUp::Always, CatchUp::InWindow] {
        let mut world = World::new(&POOLS, vec![]);
        world.strategy.catch_up = catch_up;
        // The worlds of these tests begin at one o'clock.
        let window = Window::new(Effect::Allow, &[], "01:00", 600, "UTC", Selector::default()).unwrap();
        world.strategy.windows = vec![window];
        world.dark("b");
        world.prompt = true;
        world.completed();
        world.ticks(600);
        world.back("b");
        let plan = world.ticks(5);
        if catch_up == CatchUp::Always {
            assert_eq!(world.updated(), POOLS);
        } else {
            assert_eq!(hold(&plan, "b"), "no window is open until 1970-01-02T01:00:00Z");
            world.within(90_000, |world, _| world.updated() == POOLS).unwrap();
            assert_eq!(world.now.to_string(), "1970-01-02T01:00:00Z");
        }
    }
}
