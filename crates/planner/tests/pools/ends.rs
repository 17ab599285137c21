//! When a wave of pools is over, and when a run is.

use planner::rollout::{DesiredState, Hold, News, Outcome, Point, RunPhase, WaveState};
use planner::strategy::{Amount, Approval, OnInconclusive, Selector, Wave};

use super::world::{World, held, hold, wave};

const POOLS: [&str; 5] = ["a", "b", "c", "d", "lab"];

/// Canary `lab`, then the others at once.
fn world() -> World {
    World::new(&POOLS, vec![wave("canary", &["lab"])])
}

/// A canary that is left alone in the middle of its wave: pinned, or removed.
fn left() -> [(&'static str, World); 2] {
    ["pinned", "removed"].map(|how| {
        let mut world = world();
        assert_eq!(world.next(), "lab");
        world.ticks(3);
        if how == "pinned" {
            world.pool("lab").eligible = false;
        } else {
            world.remove("lab");
        }
        (how, world)
    })
}

#[test]
fn a_wave_whose_pools_all_left_before_one_settled_has_proved_nothing() {
    for (how, mut world) in left() {
        world.timing.brake = jiff::SignedDuration::from_secs(10);
        let plan = world.until(|_, plan| held(plan) == Some("NoPoolLeft"));
        assert_eq!((plan.report.phase, world.updated().contains(&"a")), (RunPhase::Held, false), "{how}");
        let why =
            "wave \"canary\" has no pool left that can get the revision, and none that has settled on it: promote it";
        assert!(plan.report.sentence.starts_with(&format!("held: {why}")), "{}", plan.report.sentence);
        assert_eq!(hold(&plan, "a"), "it waits for wave \"canary\"", "{how}");
        // It stays so, whatever ends, and somebody is told of it.
        world.restart();
        let told = world.within(90_000, |_, plan| {
            assert!(plan.steps.is_empty() && plan.report.waves[0].state == WaveState::Open, "{how}");
            plan.report.news.iter().any(|news| matches!(news, News::StillHeld(_)))
        });
        assert!(told.is_some(), "{how}");
        // A user knows what he does.
        world.control.promoted_through = "canary".into();
        assert_eq!(world.tick().steps.len(), 4, "{how}");
        world.prompt = true;
        world.completed();
    }
}

#[test]
fn a_canary_that_was_unpinned_goes_on_with_its_wave() {
    let [(_, mut world), _] = left();
    world.ticks(100);
    world.pool("lab").eligible = true;
    world.settle("lab");
    world.until(|world, _| world.updated().len() == 5);
    world.prompt = true;
    world.completed();
}

#[test]
fn a_wave_that_lost_its_pools_is_passed_over_at_its_deadline_if_its_strategy_says_so() {
    for (how, mut world) in left() {
        let lost = Wave { on_inconclusive: OnInconclusive::Proceed, ..wave("canary", &["lab"]) };
        world.strategy.waves = planner::strategy::Waves::new(vec![lost]).unwrap();
        assert!(world.within(50, |_, plan| !plan.steps.is_empty()).is_none(), "{how}");
        let plan = world.until(|_, plan| plan.steps.len() == 4);
        assert!(world.run.waves()[0].inconclusive, "{how}");
        assert!(plan.report.news.contains(&News::WaveSucceeded(
            "wave \"canary\" was passed over: too few of its pools are reachable".into()
        )));
    }
}

#[test]
fn a_canary_that_is_refused_from_the_start_proves_nothing_and_has_its_turn_once_it_is_not() {
    let mut world = world();
    world.bar("lab", true);
    let plan = world.tick();
    assert_eq!((held(&plan), plan.steps.len()), (Some("NoPoolLeft"), 0));
    world.restart();
    assert!(world.within(500, |_, plan| !plan.steps.is_empty()).is_none());
    assert!(!world.news.iter().any(|news| matches!(news, News::WaveEmpty(_))), "{:?}", world.news);
    world.bar("lab", false);
    assert_eq!(world.next(), "lab");
    assert!(world.within(20, |_, plan| !plan.steps.is_empty()).is_none());
    world.prompt = true;
    world.completed();
    assert_eq!(world.updated(), POOLS);
}

#[test]
fn a_refused_pool_of_two_waves_belongs_to_the_first() {
    let mut world = World::new(&POOLS, vec![wave("canary", &["lab"]), wave("again", &["lab"])]);
    world.bar("lab", true);
    world.tick();
    world.control.promoted_through = "canary".into();
    let plan = world.tick();
    assert_eq!((plan.steps.len(), plan.report.waves.len()), (4, 3), "{}", plan.report.sentence);
}

#[test]
fn a_wave_that_has_no_pools_from_the_start_is_told_and_holds_nobody() {
    let mut world = world();
    world.pool("lab").eligible = false;
    let plan = world.tick();
    assert_eq!(plan.steps.len(), 4, "{}", plan.report.sentence);
    assert!(matches!(plan.report.news[..], [News::WaveEmpty(_), ..]), "{:?}", plan.report.news);
}

#[test]
fn a_dark_canary_holds_or_is_passed_over_at_its_deadline() {
    for policy in [OnInconclusive::Hold, OnInconclusive::Proceed] {
        let canary = Wave { on_inconclusive: policy, ..wave("canary", &["lab"]) };
        let mut world = World::new(&POOLS, vec![canary]);
        world.dark("lab");
        let early = world.within(60, |_, plan| {
            assert_eq!((plan.report.phase, plan.steps.len()), (RunPhase::Progressing, 0));
            false
        });
        assert!(early.is_none());
        world.prompt = true;
        if policy == OnInconclusive::Hold {
            let plan = world.tick();
            assert_eq!((held(&plan), plan.report.phase), (Some("Inconclusive"), RunPhase::Held));
            assert!(plan.report.sentence.contains("only 0 pools are reachable, a verdict needs 1"));
            world.ticks(1_000);
            assert!(world.updated().is_empty());
        } else {
            assert_eq!(world.tick().steps.len(), 4);
            let plan = world.completed();
            assert!(world.run.waves()[0].inconclusive);
            assert_eq!(hold(&plan, "lab"), "none of its nodes is Ready");
        }
        world.back("lab");
        world.until(|world, _| world.updated() == POOLS);
        world.completed();
    }
}

#[test]
fn a_canary_that_was_broken_and_goes_dark_proves_nothing_either() {
    let mut world = world();
    world.strategy.min_observed = 1;
    world.break_down("lab");
    assert_eq!(world.next(), "lab");
    world.fail("lab");
    world.until(|world, _| world.outcome("lab") == Some(Outcome::PreExisting));
    world.dark("lab");
    assert!(world.within(500, |_, plan| !plan.steps.is_empty()).is_none(), "{:?}", world.updated());
}

#[test]
fn enough_settled_pools_make_a_wave_succeed_and_the_others_follow() {
    let first = Wave { min_updated: Some(Amount::Percent(50)), ..wave("first", &["a", "b", "c", "d"]) };
    let mut world = World::new(&POOLS, vec![first]);
    assert_eq!(world.tick().steps.len(), 4);
    world.settle("a");
    assert_eq!(world.ticks(5).report.waves[0].state, WaveState::Open, "one of four is not the half");
    world.settle("c");
    let plan = world.until(|_, plan| plan.report.waves[0].state == WaveState::Succeeded);
    assert_eq!(plan.steps.iter().map(|step| &*step.pool).collect::<Vec<_>>(), ["lab"]);
    world.prompt = true;
    world.completed();
}

#[test]
fn too_few_settled_pools_hold_the_run() {
    let first = Wave { min_updated: Some(Amount::Count(3)), ..wave("first", &["a", "b", "c"]) };
    let mut world = World::new(&POOLS, vec![first]);
    world.break_down("b");
    world.tick();
    world.fail("b");
    world.settle("a");
    world.settle("c");
    let plan = world.until(|_, plan| held(plan) == Some("TooFewSettled"));
    assert_eq!(plan.report.hold, Some(Hold::TooFewSettled { settled: 2, wanted: 3 }));
    let why = "2 pools of the wave are settled, 3 must be, and no more are reachable and sound";
    assert!(plan.report.sentence.contains(why), "{}", plan.report.sentence);
    assert!(world.within(500, |_, plan| !plan.steps.is_empty()).is_none());
    // It gets well after all.
    world.settle("b");
    world.until(|_, plan| plan.steps.len() == 2);
}

#[test]
fn a_completed_run_can_still_halt() {
    let mut world = world();
    world.prompt = true;
    world.completed();
    let plan = world.ticks(30);
    assert_eq!((plan.report.phase, world.run.halt()), (RunPhase::Completed, None));
    world.fail("a");
    world.fail("b");
    let plan = world.until(|world, _| world.run.halt().is_some());
    assert_eq!(plan.report.phase, RunPhase::Halted);
    assert!(plan.report.sentence.contains("2 of 5 updated pools failed (a, b), 1 may"), "{}", plan.report.sentence);
    // Who comes now gets nothing of it.
    world.add("new");
    assert!(world.within(100, |_, plan| !plan.steps.is_empty()).is_none());
    let plan = world.tick();
    assert_eq!(hold(&plan, "new"), "the run is halted: 2 of 5 updated pools failed (a, b), 1 may");
}

#[test]
fn what_failed_is_remembered_when_a_returner_fails_after_the_end() {
    let mut world = world();
    world.strategy.max_failures = Amount::Count(0);
    world.dark("c");
    world.prompt = true;
    world.completed();
    world.prompt = false;
    world.back("c");
    assert_eq!(world.next(), "c");
    world.fail("c");
    world.until(|world, _| world.run.halt().is_some());
    world.restart();
    assert_eq!(world.tick().report.phase, RunPhase::Halted);
}

#[test]
fn a_wave_waits_for_approval_after_it_and_before_the_next_each_by_itself() {
    let first = Wave { approval: Approval::AfterWave, ..wave("first", &["lab"]) };
    let second = Wave { approval: Approval::BeforeWave, ..wave("second", &["a", "b"]) };
    let mut world = World::new(&POOLS, vec![first, second]);
    world.prompt = true;
    let plan = world.until(|_, plan| plan.report.phase == RunPhase::AwaitingApproval);
    let asked = |wave: &str, point| Some(Hold::Approval { wave: wave.into(), point });
    assert_eq!((plan.report.hold.clone(), world.updated()), (asked("first", Point::AfterWave), vec!["lab"]));
    assert_eq!(hold(&plan, "a"), "wave \"first\" has succeeded and waits for approval to go on");
    assert_eq!(hold(&plan, "c"), "it waits for wave \"second\"");
    world.approve("first", Point::AfterWave, true);
    let plan = world.tick();
    assert_eq!(plan.report.hold, asked("second", Point::BeforeWave));
    assert_eq!(hold(&plan, "a"), "wave \"second\" waits for approval to open");
    world.restart();
    assert_eq!(world.ticks(100).report.hold, asked("second", Point::BeforeWave));
    world.approve("second", Point::BeforeWave, true);
    world.until(|world, _| world.updated() == POOLS);
    let asked = world.news.iter().filter(|news| matches!(news, News::AwaitingApproval(_))).count();
    assert_eq!(asked, 2, "{:?}", world.news);
}

#[test]
fn a_rejected_wave_never_goes_on_until_another_revision_does() {
    let canary = Wave { approval: Approval::AfterWave, ..wave("canary", &["lab"]) };
    let mut world = World::new(&POOLS, vec![canary]);
    world.prompt = true;
    world.approve("canary", Point::AfterWave, false);
    world.approve("canary", Point::AfterWave, true);
    let plan = world.until(|_, plan| held(plan) == Some("Rejected"));
    assert_eq!((plan.report.phase, world.updated()), (RunPhase::Held, vec!["lab"]));
    assert!(hold(&plan, "a").starts_with("ada rejected wave \"canary\" (AfterWave)"), "{}", hold(&plan, "a"));
    world.ticks(500);
    assert_eq!(world.updated(), ["lab"]);
    (world.run, world.revision) = (planner::rollout::Run::begin(Some(&world.run)), "r3");
    world.approvals.clear();
    world.approve("canary", Point::AfterWave, true);
    world.completed();
    assert_eq!(world.updated(), POOLS);
}

#[test]
fn of_the_pools_that_match_a_wave_takes_so_many_and_keeps_them() {
    let labels = Selector { labels: vec![("tier".into(), "lab".into())], expressions: vec![] };
    let some = Wave { pool_selector: Some(labels), max_pools: Some(Amount::Percent(50)), ..Wave::named("some") };
    let mut world = World::new(&POOLS, vec![some]);
    ["b", "c", "d"].iter().for_each(|pool| world.label(pool, "tier", "lab"));
    let steps = |plan: &planner::rollout::Plan| {
        let mut pools: Vec<_> = plan.steps.iter().map(|step| step.pool.to_string()).collect();
        pools.sort();
        pools
    };
    assert_eq!(steps(&world.tick()), ["b", "c"], "by name; the half of three is two");
    // Labels that change, and pools that come before by their names, change nothing of what has begun.
    world.label("b", "tier", "none");
    world.label("a", "tier", "lab");
    world.settle("b");
    assert!(world.within(20, |_, plan| !plan.steps.is_empty()).is_none(), "c has not settled");
    world.settle("c");
    let plan = world.until(|_, plan| !plan.steps.is_empty());
    assert_eq!(steps(&plan), ["a", "d", "lab"]);
}

#[test]
fn a_run_that_is_paused_between_waves_opens_none() {
    let mut world = world();
    world.prompt = true;
    assert_eq!(world.next(), "lab");
    world.control.desired = DesiredState::Paused;
    let plan = world.ticks(100);
    assert_eq!(
        plan.report.waves.iter().map(|wave| wave.state).collect::<Vec<_>>(),
        [WaveState::Succeeded, WaveState::Waiting]
    );
    assert_eq!(
        (hold(&plan, "a").as_str(), plan.report.phase),
        ("the run is paused by spec.desiredState", RunPhase::Paused)
    );
    world.control.desired = DesiredState::Running;
    assert_eq!(world.tick().steps.len(), 4);
}
