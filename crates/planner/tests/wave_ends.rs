//! When a wave is over and what comes before the next: success, soak, approvals, deadlines. 40 nodes in 4 pools of 10.

mod model;

use jiff::SignedDuration;
use model::{Release, World, all, completed, wave};
use planner::rollout::{Decided, Hold, News, Plan, Point, RunPhase, WaveState};
use planner::strategy::{Amount, Approval, OnInconclusive, Strategy, Wave, Waves};

const CALM: u64 = 300;
const HOUR: i64 = 3600;

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// How many of a pool's units run this revision.
fn at(world: &World, pool: &str, revision: &str) -> usize {
    let mine = world.nodes.iter().zip(&world.pods).filter(|(node, _)| &*node.pool == pool);
    mine.filter(|(_, pods)| pods.first().is_some_and(|pod| &*pod.revision == revision)).count()
}

fn approve(world: &mut World, wave: &str, point: Point, approved: bool) {
    world.approvals.push(Decided { wave: wave.into(), point, approved, approver: "ada".into() });
}

fn held(plan: &Plan) -> Option<&'static str> {
    plan.report.hold.as_ref().map(Hold::kind)
}

#[test]
fn soak_counts_from_the_success_of_this_revision() {
    let mut world = World::in_waves(vec![Wave { soak: minutes(10), ..wave("canary", &["pool-00"]) }]);
    world.release("r2", Release::Good);
    world.run_until(600, CALM, |_, plan| plan.report.phase == RunPhase::Soaking).unwrap();
    let plan = world.tick(CALM);
    assert!(plan.report.sentence.contains("wave \"canary\" has succeeded and is watched until"));
    assert!(plan.revisit.is_some());
    // Five minutes into the soak of r2 comes r3: its soak is its own.
    world.run_until(300, CALM, |_, _| false);
    world.release("r3", Release::Good);
    world.run_until(600, CALM, |_, plan| plan.report.phase == RunPhase::Soaking).unwrap();
    assert_eq!((at(&world, "pool-00", "r3"), world.restarted), (10, 20));
    let soaked = world.run_until(HOUR, CALM, |_, plan| !plan.steps.is_empty()).unwrap();
    assert!((595..=600).contains(&soaked), "{soaked} s");
    assert!(world.run_until(HOUR, CALM, completed).is_some());
}

#[test]
fn a_soak_survives_the_process_and_promotion_skips_it() {
    let soaking = |name: &str, pool: &str| Wave { soak: minutes(60), ..wave(name, &[pool]) };
    let mut world = World::in_waves(vec![soaking("canary", "pool-00"), soaking("second", "pool-01"), all("others")]);
    world.release("r2", Release::Good);
    world.run_until(600, CALM, |_, plan| plan.report.phase == RunPhase::Soaking).unwrap();
    world.run_until(1800, CALM, |_, _| false);
    world.restart();
    let rest = world.run_until(HOUR, CALM, |_, plan| !plan.steps.is_empty()).unwrap();
    assert!((1795..=1800).contains(&rest), "{rest} s");
    world.run_until(600, CALM, |_, plan| plan.report.phase == RunPhase::Soaking).unwrap();
    // Of the wave before: nothing. Of a wave nobody has: nothing.
    for name in ["canary", "typo"] {
        world.control.promoted_through = name.into();
        assert_eq!(world.tick(CALM).report.phase, RunPhase::Soaking, "{name}");
    }
    world.control.promoted_through = "second".into();
    assert_eq!(world.tick(CALM).steps.len(), 20);
}

#[test]
fn a_wave_waits_for_approval_before_or_after() {
    let before = Wave { approval: Approval::BeforeWave, ..wave("canary", &["pool-00"]) };
    let after = Wave { approval: Approval::AfterWave, soak: minutes(10), ..wave("second", &["pool-01"]) };
    let mut world = World::in_waves(vec![before, after]);
    world.release("r2", Release::Good);
    let plan = world.tick(CALM);
    assert_eq!((plan.report.phase, plan.steps.len()), (RunPhase::AwaitingApproval, 0));
    let asked = Hold::Approval { wave: "canary".into(), point: Point::BeforeWave };
    assert_eq!(plan.report.hold, Some(asked));
    assert!(matches!(world.news.last(), Some(News::AwaitingApproval(_))), "{:?}", world.news);
    // Approval of something else is none.
    approve(&mut world, "canary", Point::AfterWave, true);
    approve(&mut world, "second", Point::BeforeWave, true);
    assert_eq!(world.tick(CALM).steps.len(), 0);
    approve(&mut world, "canary", Point::BeforeWave, true);
    assert_eq!(world.tick(CALM).steps.len(), 10);
    // What was approved stays so, even if the request is deleted.
    world.approvals.clear();
    world.run_until(HOUR, CALM, |_, plan| plan.report.phase == RunPhase::AwaitingApproval).unwrap();
    assert_eq!(world.restarted, 20, "the second wave has soaked");
    let plan = world.tick(CALM);
    assert!(plan.report.sentence.contains("wave \"second\" has succeeded and waits for approval"));
    approve(&mut world, "second", Point::AfterWave, true);
    assert_eq!(world.tick(CALM).steps.len(), 20);
    assert!(world.run_until(HOUR, CALM, completed).is_some());
}

#[test]
fn the_first_revision_of_a_daemon_set_asks_nobody() {
    let strategy = |wave| Strategy { waves: Waves::new(vec![wave]).unwrap(), ..Strategy::implied(Amount::Percent(10)) };
    let asking = Wave { approval: Approval::BeforeWave, soak: minutes(10), ..wave("canary", &["pool-00"]) };
    let mut world = World::new(7, 8, 4, strategy(asking));
    assert_eq!(world.tick(CALM).report.phase, RunPhase::Completed);
    assert_eq!(world.restarted, 0);
}

#[test]
fn one_approval_after_another_is_asked_for_each_by_itself() {
    let first = Wave { approval: Approval::AfterWave, ..wave("canary", &["pool-00"]) };
    let second = Wave { approval: Approval::BeforeWave, ..wave("second", &["pool-01"]) };
    let mut world = World::in_waves(vec![first, second]);
    world.release("r2", Release::Good);
    world.run_until(HOUR, CALM, |_, plan| plan.report.phase == RunPhase::AwaitingApproval).unwrap();
    let asked = |world: &World| world.news.iter().filter(|news| matches!(news, News::AwaitingApproval(_))).count();
    assert_eq!(asked(&world), 1);
    // A day's patience is each one's own.
    world.run_until(20 * HOUR, CALM, |_, _| false);
    approve(&mut world, "canary", Point::AfterWave, true);
    let plan = world.tick(CALM);
    assert_eq!(plan.report.hold, Some(Hold::Approval { wave: "second".into(), point: Point::BeforeWave }));
    world.run_until(20 * HOUR, CALM, |_, _| false);
    assert_eq!(asked(&world), 2, "and neither was announced again");
    assert!(!world.news.iter().any(|news| matches!(news, News::StillHeld(_))));
}

#[test]
fn a_rejected_wave_never_opens_and_is_announced_after_a_day() {
    let mut world = World::in_waves(vec![Wave { approval: Approval::BeforeWave, ..wave("canary", &["pool-00"]) }]);
    world.release("r2", Release::Good);
    approve(&mut world, "canary", Point::BeforeWave, false);
    approve(&mut world, "canary", Point::BeforeWave, true);
    let plan = world.tick(CALM);
    assert_eq!((plan.report.phase, held(&plan)), (RunPhase::Held, Some("Rejected")));
    assert!(plan.report.sentence.contains("ada rejected wave \"canary\" (BeforeWave)"), "{}", plan.report.sentence);
    let day = world.run_until(90_000, CALM, |w, _| matches!(w.news.last(), Some(News::StillHeld(_))));
    assert!(day.is_some());
    world.release("r3", Release::Good);
    world.approvals.clear();
    approve(&mut world, "canary", Point::BeforeWave, true);
    assert!(world.run_until(HOUR, CALM, completed).is_some());
}

#[test]
fn pausing_between_waves_opens_nothing() {
    let mut world = World::in_waves(vec![wave("canary", &["pool-00"])]);
    world.release("r2", Release::Good);
    world.tick(CALM);
    world.control.desired = planner::rollout::DesiredState::Paused;
    world.run_until(HOUR, CALM, |_, plan| {
        assert!(plan.steps.is_empty());
        false
    });
    let plan = world.tick(CALM);
    assert_eq!(plan.report.waves[0].state, WaveState::Succeeded);
    assert_eq!(plan.report.waves[1].state, WaveState::Waiting);
    world.control.desired = planner::rollout::DesiredState::Running;
    assert_eq!(world.tick(CALM).steps.len(), 30);
}

#[test]
fn enough_settled_units_make_a_wave_succeed_and_the_others_follow() {
    let canary = Wave {
        min_updated: Some(Amount::Percent(50)),
        max_unavailable: Some(Amount::Count(5)),
        ..wave("canary", &["pool-00"])
    };
    let mut world = World::in_waves(vec![canary]);
    world.release("r2", Release::Good);
    let opened = world.run_until(HOUR, CALM, |_, plan| plan.report.waves[1].state == WaveState::Open).unwrap();
    assert!(opened < 120, "five of ten are enough: {opened} s");
    assert!(at(&world, "pool-00", "r2") < 10 || world.restarted >= 10);
    assert!(world.run_until(HOUR, CALM, completed).is_some());
    assert_eq!(world.restarted, 40);
}

#[test]
fn too_few_settled_units_hold_the_run() {
    let mut world =
        World::in_waves(vec![Wave { min_updated: Some(Amount::Percent(90)), ..wave("canary", &["pool-00"]) }]);
    // Two of ten never worked, and do not now.
    let broken = [0, 4];
    broken.iter().for_each(|at| world.spoil(*at));
    world.release("r2", Release::Good);
    for _ in 0..900 {
        world.tick(CALM);
        broken.iter().for_each(|at| world.spoil(*at));
    }
    let plan = world.tick(CALM);
    assert_eq!((plan.report.phase, held(&plan)), (RunPhase::Held, Some("TooFewSettled")), "{}", plan.report.sentence);
    assert!(plan.report.sentence.contains("8 units of the wave are settled, minUpdated asks for 9"));
}

#[test]
fn a_wave_without_reachable_units_holds_or_proceeds_at_its_deadline() {
    for policy in [OnInconclusive::Hold, OnInconclusive::Proceed] {
        let mut world = World::in_waves(vec![Wave { on_inconclusive: policy, ..wave("canary", &["pool-00"]) }]);
        (0..40).step_by(4).for_each(|i| world.set_up(i, false));
        world.run_until(120, CALM, |_, _| false);
        world.release("r2", Release::Good);
        world.run_until(1795, CALM, |_, plan| {
            assert!(plan.steps.is_empty() && plan.report.phase == RunPhase::Progressing);
            false
        });
        let plan = (0..10).map(|_| world.tick(CALM)).last().unwrap();
        match policy {
            OnInconclusive::Hold => assert_eq!(held(&plan), Some("Inconclusive")),
            OnInconclusive::Proceed => {
                assert_eq!((world.restarted, plan.report.waves[0].state), (30, WaveState::Succeeded));
                assert!(world.run.waves()[0].inconclusive);
                world.run_until(HOUR, CALM, completed).unwrap();
            }
        }
        // They come back: first the canary, or caught up inside the budget of catching up.
        (0..40).step_by(4).for_each(|i| world.set_up(i, true));
        let mut most = 0;
        world.run_until(HOUR, CALM, |w, plan| {
            most = most.max(plan.report.counts.down);
            w.restarted == 40
        });
        assert_eq!(world.restarted, 40, "{policy:?}");
        assert!(policy == OnInconclusive::Hold || most <= 4, "{most} of 40 at once");
    }
}
