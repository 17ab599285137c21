//! Pools whose write the API server refuses.

use jiff::SignedDuration;
use planner::rollout::{Hold, News, RunPhase};
use planner::strategy::{Amount, Wave};

use super::world::{World, held, hold, wave};

const POOLS: [&str; 4] = ["east-1", "east-2", "east-3", "west"];
const QUOTA: &str = "exceeded quota: few, used: count/deployments.apps=2";

/// Wave `east`, in which a pool is refused.
fn world(concurrent: Option<u32>) -> World {
    let east = wave("east", &["east-1", "east-2", "east-3"]);
    let mut world = World::new(&POOLS, vec![Wave { max_concurrent_pools: concurrent.map(Amount::Count), ..east }]);
    world.pool("east-3").refuses = Some(QUOTA);
    world
}

#[test]
fn a_pool_whose_write_is_refused_holds_the_later_waves_by_its_name_and_is_told() {
    for concurrent in [None, Some(1)] {
        let mut world = world(concurrent);
        world.tick();
        let plan = world.tick();
        assert_eq!((plan.report.phase, held(&plan)), (RunPhase::Progressing, None), "others are under way");
        world.prompt = true;
        let plan = world.until(|world, plan| world.updated().len() == 2 && held(plan).is_some());
        assert_eq!((held(&plan), plan.report.phase), (Some("Refused"), RunPhase::Held));
        let why = format!("held: the API server refused the last write: in pool east-3: {QUOTA}; it is tried again");
        assert!(plan.report.sentence.starts_with(&why), "{}", plan.report.sentence);
        assert_eq!(hold(&plan, "west"), "it waits for wave \"east\": pool east-3 failed");
        // It is tried again and again, and stays told meanwhile.
        let mut tried = 0;
        for _ in 0..100 {
            let plan = world.tick();
            tried += plan.steps.len();
            assert_eq!((held(&plan), world.updated().len()), (Some("Refused"), 2), "{:?}", plan.report.sentence);
            assert!(
                plan.revisit.is_some_and(|at| at <= world.now + SignedDuration::from_secs(2)) || !plan.steps.is_empty()
            );
            if plan.steps.is_empty() {
                let refused = plan.report.units.iter().find(|(pool, _)| &**pool == "east-3");
                assert!(matches!(refused, Some((_, Hold::Refused { .. }))), "{refused:?}");
                let said = format!("the API server refused the last write: {QUOTA}; it is tried again");
                assert_eq!(hold(&plan, "east-3"), said);
                assert!(plan.report.pools.iter().any(|pool| &*pool.pool == "east-3" && pool.needs_attention));
            }
        }
        assert!(tried > 30, "{tried}");
        // Somebody is told after a day, though it was tried in between.
        world.now += SignedDuration::from_hours(24);
        world.ticks(5);
        let announced = world.news.iter().filter(|news| matches!(news, News::StillHeld(_))).count();
        assert_eq!(announced, 1, "{:?}", world.news);
        world.pool("east-3").refuses = None;
        world.completed();
        assert_eq!(world.updated(), POOLS);
    }
}

#[test]
fn a_pool_of_another_wave_that_was_refused_before_holds_nobody() {
    let mut world = world(None);
    world.prompt = true;
    world.until(|_, plan| held(plan) == Some("Refused"));
    // It is pinned: the others go on.
    world.pool("east-3").eligible = false;
    world.completed();
    assert_eq!(world.updated(), ["east-1", "east-2", "west"]);
    world.pool("east-3").eligible = true;
    let plan = world.until(|world, plan| plan.steps.is_empty() && world.updated().len() == 3);
    assert_eq!(plan.report.phase, RunPhase::Completed);
    assert!(hold(&plan, "east-3").contains(QUOTA));
}
