//! What a pool of an open wave waits for, what a failure leads to, and random worlds under random strategies. 40 nodes in 4
//! pools of 10, unless said otherwise.
#![expect(clippy::unwrap_used, reason = "test code outside #[test] functions")]

mod model;

use jiff::{SignedDuration, Timestamp};
use model::{Release, Rng, World, completed, halted};
use planner::rollout::{Decided, DesiredState, HaltReason, Hold, Met, News, Plan, Progress, RunPhase};
use planner::strategy::{
    Amount, Approval, CatchUp, Dependency, Effect, FailureAction, OnInconclusive, PoolLabels, Scope, Selector,
    SlowStart, Strategy, Wave, Waves, Window,
};

const CALM: u64 = 300;
const HOUR: i64 = 3600;

fn quick() -> Strategy {
    Strategy { slow_start: SlowStart::None, ..Strategy::implied(Amount::Percent(100)) }
}

fn world(strategy: Strategy) -> World {
    World::new(7, 40, 4, strategy)
}

fn labelled(pools: &[(&str, &str)]) -> Vec<PoolLabels> {
    let label = |(pool, site): &(&str, &str)| PoolLabels {
        pool: (*pool).into(),
        labels: vec![("site".into(), (*site).into())],
    };
    pools.iter().map(label).collect()
}

fn site(name: &str) -> Selector {
    Selector { labels: vec![("site".into(), name.into())], expressions: vec![] }
}

/// A window that opens so many minutes after the world begins, in Berlin, for so many minutes. The worlds of the model begin
/// on Friday 2027-01-15 at 08:00 UTC.
fn window(effect: Effect, after: i8, minutes: u32, pools: Selector) -> Window {
    let minute = 9 * 60 + i32::from(after);
    let start = format!("{:02}:{:02}", minute / 60, minute % 60);
    Window::new(effect, &[], &start, minutes * 60, "Europe/Berlin", pools).unwrap()
}

#[test]
fn nothing_starts_before_a_window_opens_or_after_it_closes() {
    let mut world = world(quick());
    assert_eq!(world.start.to_string(), "2027-01-15T08:00:00Z");
    world.strategy.max_unavailable = Amount::Count(4);
    world.strategy.windows = vec![window(Effect::Allow, 10, 3, Selector::default())];
    world.release("r2", Release::Good);
    let plan = world.tick(CALM);
    let opens: Timestamp = "2027-01-15T08:10:00Z".parse().unwrap();
    assert_eq!((plan.report.hold.clone(), plan.revisit), (Some(Hold::Window { opens: Some(opens) }), Some(opens)));
    assert_eq!(plan.report.phase, RunPhase::Held);
    assert!(plan.report.sentence.contains("no window is open until 2027-01-15T08:10:00Z"), "{}", plan.report.sentence);
    let first = world.run_until(HOUR, CALM, |_, plan| !plan.steps.is_empty()).unwrap();
    assert_eq!(world.now, opens, "{first}");
    // It closes in the middle of the wave; what is under way goes on to settle.
    let mut last = world.now;
    world.run_until(HOUR, CALM, |w, plan| {
        last = if plan.steps.is_empty() { last } else { w.now };
        false
    });
    assert!(last < opens + SignedDuration::from_mins(3));
    let moved = world.restarted;
    assert!((8..40).contains(&moved), "{moved}");
    let plan = world.tick(CALM);
    assert_eq!((plan.report.counts.settled as usize, plan.report.phase), (moved, RunPhase::Held));
    // It opens again the next day.
    world.run_until(24 * HOUR, CALM, |w, _| w.restarted > moved).unwrap();
    assert_eq!(world.now, opens + SignedDuration::from_hours(24));
}

#[test]
fn pools_with_an_open_window_go_before_those_that_have_none() {
    let mut world = world(quick());
    world.labels = labelled(&[("pool-00", "a"), ("pool-01", "b"), ("pool-03", "c")]);
    world.strategy.max_unavailable = Amount::Count(5);
    world.strategy.windows = vec![
        window(Effect::Allow, 0, 300, site("b")),
        window(Effect::Allow, 120, 60, site("a")),
        window(Effect::Deny, 0, 200, site("c")),
    ];
    world.release("r2", Release::Good);
    let mut pools: Vec<String> = Vec::new();
    world.run_until(5 * HOUR, CALM, |w, plan| {
        for step in &plan.steps {
            if !pools.iter().any(|pool| **pool == *step.pool) {
                pools.push(step.pool.to_string());
            }
        }
        completed(w, plan)
    });
    assert_eq!(pools, ["pool-01", "pool-02", "pool-00", "pool-03"], "open, none, opening later, denied");
}

#[test]
fn returners_are_caught_up_as_the_strategy_says() {
    // Seen two hours after the only window of the day, and while everything is denied.
    for (catch_up, deny, restarted) in [
        (CatchUp::Always, false, true),
        (CatchUp::Always, true, false),
        (CatchUp::InWindow, false, false),
        (CatchUp::Never, false, false),
    ] {
        let mut world = world(Strategy { catch_up, ..quick() });
        world.strategy.windows = vec![window(Effect::Allow, 0, 60, Selector::default())];
        if deny {
            world.strategy.windows.push(window(Effect::Deny, 90, 600, Selector::default()));
        }
        world.set_up(5, false);
        world.run_until(120, CALM, |_, _| false);
        world.release("r2", Release::Good);
        world.run_until(HOUR, CALM, completed).unwrap();
        world.run_until(2 * HOUR, CALM, |_, _| false);
        world.set_up(5, true);
        world.run_until(600, CALM, |_, plan| {
            assert_eq!(plan.report.phase, RunPhase::Completed);
            false
        });
        assert_eq!(world.restarted == 40, restarted, "{catch_up:?}, denied: {deny}");
        if catch_up == CatchUp::InWindow {
            world.run_until(24 * HOUR, CALM, |w, _| w.restarted == 40).unwrap();
        }
    }
}

#[test]
fn a_pool_waits_for_what_goes_first() {
    let gateway =
        |scope| Dependency { api_version: "apps/v1".into(), kind: "DaemonSet".into(), name: "gateway".into(), scope };
    let mut world = world(quick());
    world.strategy.depends_on = vec![gateway(Scope::SamePool)];
    world.release("r2", Release::Good);
    // Nobody answers: unknown, and held.
    let plan = world.tick(CALM);
    assert_eq!((plan.report.phase, plan.steps.len()), (RunPhase::Held, 0));
    assert!(plan.report.sentence.contains("it is not known whether DaemonSet gateway is up to date in its pool"));
    let pools = vec![("pool-01".into(), Met::Yes), ("pool-02".into(), Met::No), ("pool-03".into(), Met::Unknown)];
    world.dependencies = vec![Progress { everywhere: Met::No, pools, elsewhere: Met::Yes }];
    let plan = world.tick(CALM);
    assert_eq!(plan.steps.len(), 20, "{}", plan.report.sentence);
    let why = |node: &str| plan.report.units.iter().find(|(known, _)| &**known == node).unwrap().1.to_string();
    assert_eq!(why("node-0002"), "it waits until DaemonSet gateway is up to date in its pool");
    world.run_until(HOUR, CALM, |_, _| false);
    assert_eq!(world.restarted, 20);
    // The peer goes away in the middle of it: unknown again.
    world.dependencies[0].pools[1].1 = Met::Yes;
    world.strategy.max_unavailable = Amount::Count(3);
    assert_eq!(world.tick(CALM).steps.len(), 3);
    let answer = world.dependencies.split_off(0);
    world.run_until(HOUR, CALM, |_, plan| {
        assert!(plan.steps.is_empty());
        false
    });
    world.dependencies = answer;
    world.dependencies[0].pools[2].1 = Met::Yes;
    assert!(world.run_until(2 * HOUR, CALM, completed).is_some());
    // With AllPools nothing goes before all of it is there.
    world.strategy.depends_on = vec![gateway(Scope::AllPools)];
    world.release("r3", Release::Good);
    assert_eq!(world.tick(CALM).steps.len(), 0);
    world.dependencies[0].everywhere = Met::Yes;
    assert_eq!(world.tick(CALM).steps.len(), 3);
}

#[test]
fn a_failure_goes_back_to_the_last_revision_that_completed() {
    let canary = Wave { pools: vec!["pool-00".into()], soak: SignedDuration::from_hours(1), ..Wave::named("canary") };
    let strategy = Strategy { action: FailureAction::Rollback, waves: Waves::new(vec![canary]).unwrap(), ..quick() };
    let mut world = world(strategy);
    world.strategy.windows = vec![window(Effect::Allow, 0, 30, Selector::default())];
    world.release("r2", Release::Broken);
    // Paused by its user, a run does not even go back.
    world.run_until(60, CALM, |_, _| false);
    world.control.desired = DesiredState::Paused;
    world.last_completed = Some("r1".into());
    assert!(world.run_until(HOUR, CALM, |_, plan| plan.rollback.is_some()).is_none());
    assert!(world.run.halt().is_some());
    world.control.desired = DesiredState::Running;
    let plan = world.tick(CALM);
    assert_eq!(plan.rollback.as_deref(), Some("r1"));
    assert!(plan.report.sentence.ends_with("the target goes back to revision r1, the last completed"));
    // The template is patched back: a new run, out of the window, without soak.
    world.is_rollback = true;
    world.last_completed = None;
    let before = world.restarted;
    world.release("r1", Release::Good);
    assert!(world.run_until(1800, CALM, completed).is_some());
    assert_eq!(world.restarted, before + 10, "only what had moved");
    assert!(world.pods.iter().all(|pods| &*pods[0].revision == "r1"));
}

#[test]
fn without_a_revision_to_go_back_to_or_from_a_rollback_a_failure_only_halts() {
    for (is_rollback, completed, words) in [
        (false, None, "there is no completed revision to go back to: fix and change"),
        (true, Some("r1"), "fix and change the template"),
    ] {
        let mut world = world(Strategy { action: FailureAction::Rollback, ..quick() });
        (world.is_rollback, world.last_completed) = (is_rollback, completed.map(Into::into));
        world.release("r2", Release::Broken);
        world.run_until(HOUR, CALM, halted).unwrap();
        let plan = world.tick(CALM);
        assert_eq!(plan.rollback, None);
        assert!(plan.report.sentence.contains(words), "{}", plan.report.sentence);
        assert!(!world.news.iter().any(|news| matches!(news, News::RollingBack(_))));
    }
}

#[test]
fn a_revision_that_comes_back_after_it_halted_starts_nothing_and_is_not_taken_back_again() {
    let mut world = world(Strategy { action: FailureAction::Rollback, ..quick() });
    world.last_completed = Some("r1".into());
    world.release("r2", Release::Good);
    world.run = std::mem::take(&mut world.run).returned("it failed before".to_owned(), world.now);
    let moved = |world: &World, plan: &Plan| plan.rollback.is_some() || world.restarted > 0;
    assert!(world.run_until(HOUR, CALM, moved).is_none());
    let halt = world.run.halt().unwrap().clone();
    assert_eq!(halt.reason, HaltReason::Returned);
    world.control.resume_token = halt.token;
    assert!(world.run_until(12 * HOUR, CALM, completed).is_some(), "a user may take the risk");
}

#[test]
fn a_release_that_takes_nodes_away_leads_back() {
    let mut world = world(Strategy { action: FailureAction::Rollback, ..quick() });
    world.last_completed = Some("r1".into());
    world.strategy.max_unavailable = Amount::Count(3);
    world.release("r2", Release::Killer(1));
    let plan = {
        world.run_until(HOUR, CALM, |_, plan| plan.rollback.is_some()).unwrap();
        world.tick(CALM)
    };
    assert_eq!(world.run.halt().unwrap().reason, HaltReason::NodeLoss);
    assert_eq!(plan.rollback.as_deref(), Some("r1"), "asked for anew until it is done");
    assert_eq!(world.news.iter().filter(|news| matches!(news, News::RollingBack(_))).count(), 1);
}

/// A random strategy with everything in it, over up to six pools.
fn random_strategy(rng: &mut Rng) -> Strategy {
    let amount = |rng: &mut Rng| match rng.below(3) {
        0 => Amount::Count(1 + u32::try_from(rng.below(5)).unwrap()),
        _ => Amount::Percent(5 + u32::try_from(rng.below(90)).unwrap()),
    };
    let maybe = |rng: &mut Rng, p| rng.chance(p).then(|| amount(rng));
    let waves = (0..rng.below(4)).map(|nth| {
        let pools = (0..6).filter(|_| rng.chance(0.3)).map(|pool| format!("pool-0{pool}").as_str().into()).collect();
        let selector = match rng.below(3) {
            0 => Selector::default(),
            _ => site(["a", "b"][usize::try_from(rng.below(2)).unwrap()]),
        };
        Wave {
            pools,
            pool_selector: Some(selector),
            max_pools: maybe(rng, 0.5),
            max_concurrent_pools: maybe(rng, 0.4),
            max_unavailable: maybe(rng, 0.4),
            min_updated: rng.chance(0.3).then_some(Amount::Percent(50)),
            on_inconclusive: if rng.chance(0.5) { OnInconclusive::Proceed } else { OnInconclusive::Hold },
            soak: SignedDuration::from_secs(i64::try_from(rng.below(400)).unwrap()),
            approval: [Approval::None, Approval::BeforeWave, Approval::AfterWave]
                [usize::try_from(rng.below(3)).unwrap()],
            ..Wave::named(&format!("wave-{nth}"))
        }
    });
    let waves = Waves::new(waves.collect()).unwrap();
    let windows = (0..rng.below(3)).map(|_| {
        let effect = if rng.chance(0.7) { Effect::Allow } else { Effect::Deny };
        let after = i8::try_from(rng.below(100)).unwrap();
        window(
            effect,
            after,
            1200 + u32::try_from(rng.below(200)).unwrap(),
            site(["a", "b"][usize::try_from(rng.below(2)).unwrap()]),
        )
    });
    let windows = windows.collect();
    Strategy {
        windows,
        waves,
        max_unavailable_per_pool: maybe(rng, 0.3),
        slow_start: if rng.chance(0.3) { SlowStart::None } else { SlowStart::Doubling },
        catch_up: if rng.chance(0.3) { CatchUp::InWindow } else { CatchUp::Always },
        ..Strategy::implied(amount(rng))
    }
}

/// Random fleets, strategies and interventions. The invariants look at every plan (inside `plan`, in this build): waves in
/// order, each pool in one, every budget, windows. What is left alone in the end is done.
#[test]
fn random_strategies_keep_every_rule_and_reach_the_end() {
    for seed in 0..40 {
        let mut rng = Rng(seed);
        let nodes = 6 + usize::try_from(rng.below(50)).unwrap();
        let strategy = random_strategy(&mut rng);
        let mut world = World::new(seed, nodes, 6, strategy);
        world.labels = labelled(&[("pool-00", "a"), ("pool-01", "b"), ("pool-02", "a"), ("pool-04", "b")]);
        world.flap(0.1, 400);
        for change in 0..4 {
            let bad = rng.chance(0.2);
            world.release(&format!("r{}", 2 + change % 3), if bad { Release::Broken } else { Release::Good });
            world.approvals.clear();
            for _ in 0..rng.below(900) {
                let i = usize::try_from(rng.below(nodes as u64)).unwrap();
                match rng.below(60) {
                    0 => world.nodes[i].cordoned ^= true,
                    1 => world.pods[i].clear(),
                    2 if rng.chance(0.2) => world.restart(),
                    3 => world.nodes[i].pool = format!("pool-0{}", rng.below(7)).as_str().into(),
                    4 => world.labels = labelled(&[("pool-00", "b"), ("pool-03", "a"), ("pool-05", "a")]),
                    5 => world.labels = labelled(&[("pool-01", "a"), ("pool-02", "b"), ("pool-04", "a")]),
                    6..12 => approve_what_waits(&mut world),
                    12 => world.control.promoted_through = format!("wave-{}", rng.below(3)),
                    13 => world.control.promoted_through.clear(),
                    _ => {}
                }
                world.tick(400);
            }
        }
        world.next_flap.fill(None);
        (0..nodes).for_each(|i| {
            world.set_up(i, true);
            world.nodes[i].cordoned = false;
        });
        for pods in &mut world.pods {
            pods.iter_mut().for_each(|pod| pod.trouble = None);
        }
        // What is allowed for 20 hours of a day and denied for 20 never opens.
        world.strategy.windows.retain(|window| window.effect() == Effect::Allow);
        world.release("last", Release::Good);
        let mut day = 12 * HOUR;
        while day > 0 && world.run_until(300, 400, completed).is_none() {
            approve_what_waits(&mut world);
            day -= 300;
        }
        assert!(world.run.completed_at().is_some(), "seed {seed} is stuck: {:#?}", world.tick(400).report);
        world.run_until(12 * HOUR, 400, |w, _| w.pods.iter().all(|pods| &*pods[0].revision == "last")).unwrap();
    }
}

fn approve_what_waits(world: &mut World) {
    if let Some(Hold::Approval { wave, point }) = world.tick(400).report.hold {
        world.approvals.push(Decided { wave, point, approved: true, approver: "ada".into() });
    }
}
