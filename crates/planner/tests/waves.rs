//! Waves, one rule after another, in the small world: 40 nodes in 4 pools of 10 (`pool-00` to `pool-03`), unless said
//! otherwise. Every plan is also checked by the invariants, inside `plan`.

mod model;

use jiff::SignedDuration;
use model::{Release, World, all, completed, halted, wave};
use planner::fleet::Name;
use planner::rollout::{HaltReason, Hold, News, Plan, RunPhase, WaveState};
use planner::strategy::{Amount, PoolLabels, Selector, SlowStart, Strategy, Wave, Waves};

const CALM: u64 = 300;
const HOUR: i64 = 3600;

/// A wave of all pools with this label.
fn labelled(name: &str, key: &str, value: &str) -> Wave {
    let labels = vec![(key.into(), value.into())];
    Wave { pool_selector: Some(Selector { labels, expressions: vec![] }), ..Wave::named(name) }
}

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// The pools in which something started, in the order of their first start.
fn order(world: &mut World, limit: i64) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    world.run_until(limit, CALM, |w, plan| {
        for step in &plan.steps {
            if !seen.iter().any(|pool| **pool == *step.pool) {
                seen.push(step.pool.to_string());
            }
        }
        completed(w, plan)
    });
    seen
}

fn states(plan: &Plan) -> Vec<String> {
    plan.report.waves.iter().map(|wave| format!("{} {:?}", wave.name, wave.state)).collect()
}

/// How many of a pool's units run this revision.
fn at(world: &World, pool: &str, revision: &str) -> usize {
    let mine = world.nodes.iter().zip(&world.pods).filter(|(node, _)| &*node.pool == pool);
    mine.filter(|(_, pods)| pods.first().is_some_and(|pod| &*pod.revision == revision)).count()
}

#[test]
fn waves_go_one_after_another_and_what_nobody_chose_is_the_rest() {
    let mut world = World::in_waves(vec![wave("canary", &["pool-02"]), wave("second", &["pool-00", "pool-03"])]);
    world.news.clear();
    world.release("r2", Release::Good);
    let plan = world.tick(CALM);
    assert_eq!(plan.steps.len(), 10, "all of the canary: {}", plan.report.sentence);
    assert_eq!(states(&plan), ["canary Open", "second Waiting", "rest Waiting"]);
    assert!(plan.report.sentence.starts_with("wave \"canary\" (1 of 3)"), "{}", plan.report.sentence);
    let waits = plan.report.units.iter().find(|(node, _)| &**node == "node-0001").unwrap();
    assert_eq!(waits.1.to_string(), "it waits for wave \"second\"");
    let pools = order(&mut world, HOUR);
    assert_eq!(pools.last().map(String::as_str), Some("pool-01"));
    assert_eq!(pools.len(), 3);
    assert!(pools[..2].contains(&"pool-00".to_owned()) && pools[..2].contains(&"pool-03".to_owned()));
    let plan = world.tick(CALM);
    assert_eq!(states(&plan), ["canary Succeeded", "second Succeeded", "rest Succeeded"]);
    assert_eq!(world.restarted, 40);
    let said: Vec<_> = world.news.iter().map(|news| matches!(news, News::WaveOpened(_))).collect();
    assert_eq!(said, [true, false, true, false, true, false, false], "{:?}", world.news);
}

#[test]
fn a_wave_without_units_is_told_when_it_opens() {
    let typo = Wave {
        pool_selector: Some(labelled("x", "tier", "nowhere").pool_selector.unwrap()),
        ..wave("canary", &["pol-02"])
    };
    let mut world = World::in_waves(vec![typo]);
    world.news.clear();
    world.release("r2", Release::Good);
    world.tick(CALM);
    let empty = world.news.iter().find_map(|news| match news {
        News::WaveEmpty(sentence) => Some(sentence.as_str()),
        _ => None,
    });
    let expected = "wave \"canary\" is open and has no units: pool pol-02 has no node for the target, nor has any pool the \
                    labels of its poolSelector that is in no earlier wave";
    assert_eq!(empty, Some(expected), "{:?}", world.news);
    assert!(!world.news.contains(&News::WaveOpened("wave \"canary\" is open".to_owned())), "{:?}", world.news);
}

#[test]
fn the_first_wave_that_matches_has_a_pool_and_limits_are_by_name() {
    let labels = |pool: &str, tier: &str| PoolLabels { pool: pool.into(), labels: vec![("tier".into(), tier.into())] };
    // By label, limited to one: pool-01 before pool-03. Then half of the three that are left, rounded up: two.
    let canary = Wave { max_pools: Some(Amount::Count(1)), ..labelled("canary", "tier", "lab") };
    let half = Wave { max_pools: Some(Amount::Percent(50)), ..all("half") };
    let mut world = World::in_waves(vec![canary, half]);
    world.labels = vec![labels("pool-01", "lab"), labels("pool-02", "shop"), labels("pool-03", "lab")];
    world.release("r2", Release::Good);
    let plan = world.tick(CALM);
    let waves: Vec<_> = plan.report.pools.iter().map(|pool| (&*pool.pool, &*pool.wave)).collect();
    let expected = [("pool-00", "half"), ("pool-01", "canary"), ("pool-02", "half"), ("pool-03", "rest")];
    assert_eq!(waves, expected);
    assert_eq!(order(&mut world, HOUR).last().map(String::as_str), Some("pool-03"));
    assert_eq!(world.restarted, 40);
}

#[test]
fn what_has_begun_keeps_its_pools_whatever_becomes_of_labels() {
    let labels = |pools: &[&str]| -> Vec<PoolLabels> {
        let lab = vec![("tier".into(), "lab".into())];
        pools.iter().map(|pool| PoolLabels { pool: (*pool).into(), labels: lab.clone() }).collect()
    };
    let canary = Wave { soak: minutes(10), ..labelled("canary", "tier", "lab") };
    let mut world = World::in_waves(vec![canary]);
    world.labels = labels(&["pool-01"]);
    world.release("r2", Release::Good);
    world.tick(CALM);
    // Another pool gets the label, the first one loses it: neither moves.
    world.labels = labels(&["pool-02"]);
    world.restart();
    let plan = world.run_until(300, CALM, |_, plan| plan.report.phase == RunPhase::Soaking);
    assert!(plan.is_some());
    let moved: Vec<_> = (0..4).map(|pool| at(&world, &format!("pool-0{pool}"), "r2")).collect();
    assert_eq!(moved, [0, 10, 0, 0]);
    assert!(world.run_until(HOUR, CALM, completed).is_some());
}

#[test]
fn a_strategy_edited_in_the_middle_moves_nothing_that_has_begun() {
    // A run's strategy is a snapshot. Should another come all the same, names tell what has begun.
    let edited = |waves: Vec<Wave>| Waves::new(waves).unwrap();
    let mut world = World::in_waves(vec![wave("canary", &["pool-00"]), wave("second", &["pool-01"])]);
    world.strategy.max_unavailable = Amount::Count(4);
    world.release("r2", Release::Good);
    world.tick(CALM);
    world.strategy.waves = edited(vec![wave("canary", &["pool-03"]), wave("second", &["pool-02"])]);
    let waves = |plan: &Plan| plan.report.pools.iter().map(|pool| pool.wave.to_string()).collect::<Vec<_>>();
    assert_eq!(waves(&world.tick(CALM)), ["canary", "rest", "second", "rest"]);
    world.run_until(HOUR, CALM, |_, plan| plan.report.waves[1].state == WaveState::Open).unwrap();
    assert_eq!(at(&world, "pool-00", "r2"), 10);
    // A new first wave comes first: what follows opens anew, and nobody is restarted twice.
    world.strategy.waves = edited(vec![wave("zero", &["pool-01"]), wave("canary", &["pool-00"])]);
    let plan = world.tick(CALM);
    assert_eq!(states(&plan), ["zero Open", "canary Waiting", "rest Waiting"]);
    assert!(world.run_until(HOUR, CALM, completed).is_some());
    assert_eq!(world.restarted, 40);
}

#[test]
fn pools_that_turn_up_or_empty_in_the_middle_of_a_run() {
    let soaking = Wave { soak: minutes(10), ..wave("canary", &["pool-00", "pool-01"]) };
    let mut world = World::in_waves(vec![soaking, wave("second", &["pool-02", "new"])]);
    world.release("r2", Release::Good);
    world.run_until(300, CALM, |_, plan| plan.report.phase == RunPhase::Soaking).unwrap();
    // Five nodes of pool-03 move to a pool that a wave to come has named, one to a pool nobody knows; pool-02 is emptied.
    let of = |world: &World, pool: &str| -> Vec<usize> {
        (0..world.nodes.len()).filter(|i| &*world.nodes[*i].pool == pool).collect()
    };
    for (nth, i) in of(&world, "pool-03").into_iter().take(6).enumerate() {
        world.nodes[i].pool = if nth < 5 { "new".into() } else { "other".into() };
    }
    for i in of(&world, "pool-02").into_iter().rev() {
        world.delete_node(i);
    }
    let plan = world.tick(CALM);
    let waves: Vec<_> = plan.report.pools.iter().map(|pool| (&*pool.pool, &*pool.wave)).collect();
    let expected =
        [("new", "second"), ("other", "rest"), ("pool-00", "canary"), ("pool-01", "canary"), ("pool-03", "rest")];
    assert_eq!(waves, expected);
    let pools = order(&mut world, HOUR);
    assert_eq!(pools[0], "new");
    assert_eq!((pools.len(), world.restarted), (3, 30));
}

#[test]
fn a_wave_that_loses_all_its_pools_does_not_block_the_next() {
    let mut world = World::in_waves(vec![wave("canary", &["pool-00"]), wave("nobody", &["nowhere"])]);
    world.release("r2", Release::Good);
    world.tick(CALM);
    for i in (0..world.nodes.len()).rev().filter(|i| i % 4 == 0).collect::<Vec<_>>() {
        world.nodes[i].cordoned = true; // taken away on purpose, not lost to the release
        world.delete_node(i);
    }
    assert!(world.run_until(HOUR, CALM, completed).is_some());
}

#[test]
fn budgets_of_wave_and_pool_bind_beside_the_runs() {
    for (of_wave, of_pool, most) in [
        (Some(Amount::Count(3)), None, 3),
        (Some(Amount::Percent(20)), None, 4),
        (None, Some(Amount::Count(1)), 2),
        (Some(Amount::Count(5)), Some(Amount::Percent(10)), 2),
        (None, None, 8),
        (Some(Amount::Count(100)), None, 8),
    ] {
        let canary = Wave { max_unavailable: of_wave, ..wave("canary", &["pool-00", "pool-01"]) };
        let mut world = World::in_waves(vec![canary]);
        // 8 of 40 for the run; a wave without a budget has the run's 20 %, of its own 20 units.
        world.strategy.max_unavailable = Amount::Percent(20);
        world.strategy.max_unavailable_per_pool = of_pool;
        if of_wave.is_none() && of_pool.is_none() {
            world.strategy.max_unavailable = Amount::Count(8);
        }
        world.release("r2", Release::Good);
        let mut seen = 0;
        world.run_until(HOUR, CALM, |_, plan| {
            let over = plan.report.waves[0].state == WaveState::Succeeded;
            let started = plan.report.counts.down + u32::try_from(plan.steps.len()).unwrap();
            seen = if over { seen } else { seen.max(started) };
            over
        });
        assert_eq!(seen, most, "wave {of_wave:?}, pool {of_pool:?}");
    }
}

#[test]
fn a_budget_of_zero_stops_its_wave_and_says_so() {
    let mut world =
        World::in_waves(vec![Wave { max_unavailable: Some(Amount::Count(0)), ..wave("canary", &["pool-00"]) }]);
    world.release("r2", Release::Good);
    let plan = world.tick(CALM);
    assert_eq!((plan.report.phase, plan.steps.len()), (RunPhase::Held, 0));
    assert!(plan.report.sentence.contains("maxUnavailable of the wave is 0"), "{}", plan.report.sentence);
}

#[test]
fn as_many_pools_of_a_wave_are_under_change_as_may_be() {
    for (limit, most) in [(Amount::Count(1), 1), (Amount::Percent(50), 2), (Amount::Percent(100), 4)] {
        let mut world = World::in_waves(vec![Wave { max_concurrent_pools: Some(limit), ..all("wave") }]);
        world.strategy.max_unavailable_per_pool = Some(Amount::Percent(30));
        world.release("r2", Release::Good);
        let mut seen = 0;
        let mut finished: Vec<Name> = Vec::new();
        world.run_until(HOUR, CALM, |w, plan| {
            let open: Vec<_> = w.run.open_nodes().collect();
            let mut pools: Vec<_> =
                w.nodes.iter().filter(|node| open.contains(&node.uid)).map(|node| node.pool.clone()).collect();
            pools.sort();
            pools.dedup();
            seen = seen.max(pools.len());
            for pool in pools {
                assert!(!finished.contains(&pool), "{pool} was done already");
            }
            let done = |pool: &&planner::rollout::PoolReport| pool.counts.settled == 10;
            finished = plan.report.pools.iter().filter(done).map(|pool| pool.pool.clone()).collect();
            completed(w, plan)
        });
        assert_eq!((seen, world.restarted), (most, 40), "{limit:?}");
    }
}

#[test]
fn a_failing_canary_halts_and_later_waves_are_untouched() {
    for size in [1, 2, 10] {
        let mut world = World::in_waves(vec![wave("canary", &["tiny"])]);
        for i in 0..size {
            world.nodes[i].pool = "tiny".into();
        }
        world.strategy.max_unavailable = Amount::Count(5);
        world.release("r2", Release::Broken);
        world.run_until(2 * HOUR, CALM, halted).unwrap();
        assert!(matches!(world.run.halt().unwrap().reason, HaltReason::Failures | HaltReason::NoSlotLeft));
        assert_eq!(world.restarted, size.min(5), "only the canary");
        // A good revision ends it.
        world.release("r3", Release::Good);
        assert!(world.run_until(HOUR, CALM, completed).is_some(), "{size}");
    }
}

#[test]
fn a_release_superseded_in_the_middle_of_a_wave_begins_with_the_first_again() {
    let mut world = World::in_waves(vec![wave("canary", &["pool-00"]), wave("second", &["pool-01"])]);
    world.strategy.max_unavailable = Amount::Count(4);
    world.release("r2", Release::Good);
    world.run_until(HOUR, CALM, |_, plan| plan.report.waves[1].state == WaveState::Open).unwrap();
    world.run_until(20, CALM, |_, _| false);
    world.release("r3", Release::Good);
    let pools = order(&mut world, 2 * HOUR);
    assert_eq!(pools[..2], ["pool-00", "pool-01"]);
    assert!(["pool-00", "pool-01", "pool-02", "pool-03"].iter().all(|pool| at(&world, pool, "r3") == 10));
}

#[test]
fn ninety_of_a_hundred_offline_never_start_more_than_one() {
    let strategy = Strategy {
        waves: Waves::new(vec![wave("canary", &["pool-00"])]).unwrap(),
        slow_start: SlowStart::None,
        ..Strategy::implied(Amount::Percent(10))
    };
    let mut world = World::new(3, 100, 4, strategy);
    (10..100).for_each(|i| world.set_up(i, false));
    world.run_until(120, CALM, |_, _| false);
    world.release("r2", Release::Good);
    world
        .run_until(2 * HOUR, CALM, |w, plan| {
            assert!(plan.report.counts.down <= 1 && plan.steps.len() <= 1);
            completed(w, plan)
        })
        .unwrap();
    assert_eq!(world.restarted, 10);
}

#[test]
fn broken_units_of_later_waves_block_nobody_for_ever() {
    let mut world = World::in_waves(vec![wave("canary", &["pool-00"])]);
    world.strategy.max_unavailable = Amount::Percent(10);
    // Six of 40 are broken in pools whose turn has not come; four may be down.
    let broken = [1, 2, 3, 5, 6, 7];
    for i in broken {
        world.pods[i][0].ready = None;
        world.pods[i][0].trouble = Some(world.now);
    }
    world.release("r2", Release::Good);
    let started = world.run_until(HOUR, CALM, |_, plan| !plan.steps.is_empty()).unwrap();
    assert!((1795..1805).contains(&started), "only after the progress deadline: {started}");
    assert!(world.run_until(2 * HOUR, CALM, completed).is_some());
}

#[test]
fn no_wave_opens_before_there_is_a_strategy() {
    // The implied wave of all pools is called as the first wave of the strategy that comes then.
    let mut world = World::in_waves(vec![wave("all", &["pool-00"])]);
    let named = std::mem::replace(&mut world.strategy, Strategy::implied(Amount::Count(0)));
    world.held = Some(Hold::InvalidStrategy { why: "there is none".to_owned() });
    world.release("r2", Release::Good);
    let plan = world.tick(CALM);
    assert_eq!((plan.report.phase, world.run.waves().len()), (RunPhase::Held, 0));
    (world.strategy, world.held) = (named, None);
    let plan = world.tick(CALM);
    assert_eq!(states(&plan), ["all Open", "rest Waiting"]);
    assert_eq!((plan.steps.len(), plan.steps.iter().filter(|step| *step.pool == *"pool-00").count()), (10, 10));
    assert!(world.news.contains(&News::WaveOpened("wave \"all\" is open".to_owned())), "{:?}", world.news);
}
