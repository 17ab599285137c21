//! The rules of rollouts.md, one by one, in the small world.

mod model;

use jiff::SignedDuration;
use model::{Release, Rng, World, completed, halted};
use planner::fleet::{Link, Readiness};
use planner::rollout::{DesiredState, HaltReason, News, Outcome, Run, RunPhase};
use planner::strategy::{Amount, SlowStart, Strategy};

const CALM: u64 = 300;

fn world(nodes: usize, percent: u32) -> World {
    World::new(7, nodes, 3, Strategy::implied(Amount::Percent(percent)))
}

#[test]
fn a_good_release_reaches_every_node_and_then_is_quiet() {
    let mut world = world(30, 10);
    world.release("r2", Release::Good);
    let mut most = 0;
    let end = world.run_until(3600, CALM, |w, p| {
        most = most.max(p.report.counts.down);
        completed(w, p)
    });
    assert!(end.is_some());
    assert!(most <= 3, "{most} down at once");
    assert_eq!(world.restarted, 30);
    let quiet = world.run.record(world.now);
    for _ in 0..1200 {
        assert!(world.tick(CALM).steps.is_empty());
    }
    assert!(world.run.record(world.now).says_the_same_as(&quiet), "a completed run writes nothing");
    assert!(matches!(world.news.last(), Some(News::Completed(_))));
}

#[test]
fn twenty_of_thirty_offline_start_in_rounds_of_three_three_four() {
    let mut world = world(30, 50);
    (10..30).for_each(|i| world.set_up(i, false));
    world.run_until(120, CALM, |_, _| false);
    world.release("r2", Release::Good);
    let mut rounds = Vec::new();
    world.run_until(900, CALM, |w, p| {
        rounds.extend((!p.steps.is_empty()).then_some(p.steps.len()));
        completed(w, p)
    });
    assert_eq!(rounds, [3, 3, 4]);
    // They return: caught up, at most the catch-up budget at once, though the run is Completed.
    (10..30).for_each(|i| world.set_up(i, true));
    let mut most = 0;
    world.run_until(3600, CALM, |w, p| {
        assert_eq!(p.report.phase, RunPhase::Completed);
        most = most.max(p.report.counts.down);
        w.restarted == 30
    });
    assert_eq!((world.restarted, most), (30, 3));
}

#[test]
fn a_node_counts_as_reachable_only_after_a_minute_without_a_break() {
    let mut world = world(30, 10);
    world.set_up(4, false);
    world.run_until(100, CALM, |_, _| false);
    world.release("r2", Release::Good);
    world.run_until(3600, CALM, completed).unwrap();
    world.set_up(4, true);
    let back = world.run_until(3600, CALM, |w, _| w.restarted == 30).unwrap();
    assert!((59..=61).contains(&back), "restarted {back} s after its return");
}

#[test]
fn broken_pods_go_first_and_never_block_healthy_ones() {
    let mut world = world(30, 10);
    [2, 5, 11, 17, 23].into_iter().for_each(|at| world.spoil(at));
    world.release("r2", Release::Good);
    let first = world.tick(CALM);
    assert_eq!(first.steps.len(), 3, "allowed of them at once");
    assert!(first.steps.iter().all(|step| step.was_down));
    assert!(world.run_until(3600, CALM, completed).is_some());
    assert_eq!(world.restarted, 30);
}

#[test]
fn units_broken_before_and_after_are_no_failure_and_leave_the_budget() {
    let mut world = world(30, 10);
    // Five nodes on which nothing ever runs; the release is good elsewhere.
    let broken = [2, 5, 11, 17, 23];
    broken.iter().for_each(|at| world.spoil(*at));
    world.release("r2", Release::Good);
    let mut done = false;
    for _ in 0..7200 {
        done |= world.tick(CALM).report.phase == RunPhase::Completed;
        broken.iter().for_each(|at| world.spoil(*at));
    }
    assert!(done, "{:?}", world.run);
    let verdicts =
        world.nodes.iter().filter_map(|n| world.run.track(n.uid)).filter(|t| t.outcome == Outcome::PreExisting);
    assert_eq!(verdicts.count(), 5);
    assert!(world.run.halt().is_none());
}

#[test]
fn a_crash_looping_release_halts_with_its_slots_and_stays_halted_over_restarts() {
    let mut world = world(30, 10);
    world.release("r2", Release::Broken);
    let end = world.run_until(3600, CALM, halted).unwrap();
    assert!((300..340).contains(&end), "failed_after is 300 s: {end}");
    assert_eq!(world.restarted, 3);
    let halt = world.run.halt().unwrap().clone();
    assert_eq!(halt.reason, HaltReason::Failures);
    world.restart();
    let plan = world.tick(CALM);
    assert_eq!((plan.report.phase, world.run.halt()), (RunPhase::Halted, Some(&halt)));
    // The wrong token changes nothing, the right one lets it go on with a clean slate.
    world.control.resume_token = "halt-9".into();
    world.tick(CALM);
    assert!(world.run.halt().is_some());
    world.control.resume_token = halt.token;
    world.release = Release::Good;
    for pods in &mut world.pods {
        pods.iter_mut().for_each(|pod| pod.trouble = None);
    }
    world.tick(CALM);
    assert!(matches!(world.news.last(), Some(News::Resumed(_))), "{:?}", world.news);
    assert!(world.run_until(3600, CALM, completed).is_some());
}

#[test]
fn who_resumes_without_a_fix_takes_the_broken_units_and_meets_the_next_ones() {
    let mut world = world(30, 10);
    world.release("r2", Release::Broken);
    world.run_until(3600, CALM, halted).unwrap();
    for round in 1..=3 {
        assert_eq!(world.restarted, 3 * round, "each halt costs three units");
        world.control.resume_token = format!("halt-{round}");
        world.tick(CALM);
        assert!(world.run_until(3600, CALM, halted).is_some());
        assert_eq!(world.run.halt().unwrap().token, format!("halt-{}", round + 1));
    }
}

#[test]
fn a_settled_node_that_is_deleted_while_exposed_is_lost_to_the_release() {
    let mut world = world(30, 10);
    world.release("r2", Release::Good);
    world.run_until(3600, CALM, completed).unwrap();
    let exposed = world.run.record(world.now).evidence.lost;
    let newest = |world: &World| {
        let at = |i: &usize| world.run.track(world.nodes[*i].uid).unwrap().activation.at;
        (0..world.nodes.len()).max_by_key(at).unwrap()
    };
    world.delete_node(newest(&world));
    world.tick(CALM);
    assert_eq!(world.run.record(world.now).evidence.lost, exposed + 1);
    let next = newest(&world);
    world.nodes[next].cordoned = true;
    world.delete_node(next);
    world.tick(CALM);
    assert_eq!(world.run.record(world.now).evidence.lost, exposed + 1, "a cordoned one was taken away on purpose");
}

#[test]
fn a_new_revision_ends_a_halt_and_takes_over_what_is_under_way() {
    let mut world = world(30, 10);
    world.release("r2", Release::Broken);
    world.run_until(3600, CALM, halted).unwrap();
    world.release("r3", Release::Good);
    let plan = world.tick(CALM);
    assert!(
        plan.steps.iter().all(|step| step.was_down) && plan.steps.len() == 3,
        "the broken ones first: {:?}",
        plan.steps
    );
    assert!(world.run_until(3600, CALM, completed).is_some());
    assert!(world.pods.iter().all(|pods| &*pods[0].revision == "r3"));
}

#[test]
fn units_that_are_only_unsettled_when_superseded_can_fail_and_hold_their_slots() {
    let mut world = world(30, 10);
    world.release("r2", Release::Good);
    world.run_until(20, CALM, |_, _| false);
    assert_eq!(world.restarted, 3, "three are Ready at r2, and not settled");
    world.release("r3", Release::Broken);
    let plan = world.tick(CALM);
    assert!(plan.steps.iter().all(|step| !step.was_down), "they were well: {:?}", plan.steps);
    world.run_until(3600, CALM, halted).unwrap();
    let broken = world.pods.iter().filter(|pods| &*pods[0].revision == "r3").count();
    assert_eq!((broken, world.restarted), (3, 6), "never more than three are down");
    assert_eq!(world.run.halt().unwrap().reason, HaltReason::Failures);
}

#[test]
fn the_first_pods_of_a_daemon_set_hold_no_slots() {
    let mut world = world(30, 10);
    let young = world.now;
    for pods in &mut world.pods {
        pods[0].created = young;
        pods[0].ready = Some(Readiness { since: young, at_first_sight: false });
    }
    world.number = 0;
    world.run = Run::begin(None);
    world.release("r1", Release::Good);
    let plan = world.tick(CALM);
    assert_eq!((plan.report.counts.settled, plan.report.counts.down), (0, 0));
    (0..6).for_each(|i| world.set_up(i, false));
    world.run_until(50, CALM, |_, _| false);
    world.release("r2", Release::Good);
    assert_eq!(world.tick(CALM).steps.len(), 3, "the offline ones were never restarted by anybody");
}

#[test]
fn superseded_in_the_middle_no_unit_at_the_newest_restarts() {
    let mut world = world(30, 10);
    world.release("r2", Release::Good);
    world.run_until(150, CALM, |_, _| false);
    let moved = world.restarted;
    assert!(moved > 3 && moved < 30);
    // Back to r1: only the units that left it move again.
    world.release("r1", Release::Good);
    world.run_until(3600, CALM, completed).unwrap();
    assert_eq!(world.restarted, 2 * moved);
}

#[test]
fn pause_and_abort_keep_work_under_way_and_start_nothing() {
    for (desired, phase) in [(DesiredState::Paused, RunPhase::Paused), (DesiredState::Aborted, RunPhase::Aborted)] {
        let mut world = world(30, 10);
        world.release("r2", Release::Good);
        world.run_until(70, CALM, |_, _| false);
        let started = world.restarted;
        world.control.desired = desired;
        world.run_until(600, CALM, |_, p| {
            assert_eq!(p.report.phase, phase);
            false
        });
        assert_eq!(world.restarted, started);
        let held = world.run_until(90_000, CALM, |w, _| matches!(w.news.last(), Some(News::StillHeld(_))));
        assert!(held.is_some(), "after a day it is said again");
    }
}

#[test]
fn cordoned_nodes_wait_and_their_loss_is_no_evidence() {
    let mut world = world(12, 50);
    world.nodes[3].cordoned = true;
    world.release("r2", Release::Good);
    world.run_until(3600, CALM, completed).unwrap();
    assert_eq!(&*world.pods[3][0].revision, "r1");
    for i in 0..6 {
        world.nodes[i].cordoned = true;
        world.set_up(i, false);
    }
    world.run_until(1200, CALM, |_, _| false);
    assert!(world.run.halt().is_none());
}

#[test]
fn a_node_that_dies_with_its_pod_terminating_costs_one_slot_only() {
    let mut world = world(30, 10);
    world.strategy.slow_start = SlowStart::None;
    world.release("r2", Release::Good);
    let first = world.tick(CALM).steps[0].node_uid;
    let stuck = world.nodes.iter().position(|n| n.uid == first).unwrap();
    world.set_up(stuck, false);
    world.dead[stuck] = true;
    let end = world.run_until(3600, CALM, completed).unwrap();
    assert_eq!(world.restarted, 30, "all others are done after {end} s");
    assert!(world.run.halt().is_none());
}

#[test]
fn a_deleted_pod_that_is_not_replaced_halts() {
    let mut world = world(30, 10);
    world.release("r2", Release::Good);
    let steps = world.tick(CALM).steps;
    for _ in 0..120 {
        for step in &steps {
            let at = world.nodes.iter().position(|n| n.uid == step.node_uid).unwrap();
            world.pods[at].clear();
            world.up[at] = false; // this world's kubelet is also its DaemonSet controller
            world.nodes[at].link = Link::Ready(world.start);
        }
        world.report_after = i64::MAX;
        world.tick(CALM);
    }
    assert_eq!(world.run.halt().map(|halt| halt.reason), Some(HaltReason::ReplacementMissing));
    assert_eq!(world.restarted, 3);
}

#[test]
fn zero_stops_and_says_so() {
    let mut world = world(30, 0);
    world.release("r2", Release::Good);
    let plan = world.tick(CALM);
    assert!(plan.steps.is_empty());
    assert_eq!(plan.report.phase, RunPhase::Held);
    assert!(plan.report.sentence.contains("maxUnavailable of the run is 0"), "{}", plan.report.sentence);
}

#[test]
fn too_few_reachable_units_give_no_verdict() {
    let mut world = world(30, 10);
    (2..30).for_each(|i| world.set_up(i, false));
    world.run_until(120, CALM, |_, _| false);
    world.release("r2", Release::Good);
    let at = world.run_until(3000, CALM, |_, p| p.report.phase == RunPhase::Held).unwrap();
    assert!((1795..1805).contains(&at), "at the progress deadline: {at}");
    (2..30).for_each(|i| world.set_up(i, true));
    assert!(world.run_until(3600, CALM, completed).is_some());
}

#[test]
fn a_record_restores_the_run_at_any_moment() {
    for crash in [1, 3, 10, 40, 66, 100, 200] {
        let mut world = world(30, 10);
        world.release("r2", Release::Good);
        world.run_until(crash, CALM, |_, _| false);
        world.restart();
        assert!(world.run_until(3600, CALM, completed).is_some(), "crash after {crash} s");
        assert_eq!(world.restarted, 30, "crash after {crash} s: no extra restart");
        let record = world.run.record(world.now);
        assert_eq!(record.uncontrolled, 0, "crash after {crash} s");
        assert!(Run::restore(&record).record(world.now).says_the_same_as(&record));
    }
}

#[test]
fn pods_recreated_by_others_take_slots_and_are_counted() {
    let mut world = world(30, 10);
    world.release("r2", Release::Good);
    world.tick(CALM);
    let others: Vec<_> = (0..30).filter(|i| !world.pods[*i][0].deleting).take(5).collect();
    others.iter().for_each(|i| world.pods[*i].clear());
    world.run_until(30, CALM, |_, p| {
        assert!(p.steps.is_empty(), "eight units are under way, three may be");
        false
    });
    assert!(world.run_until(3600, CALM, completed).is_some());
    assert_eq!((world.restarted, world.run.record(world.now).uncontrolled), (25, 5));
}

/// Random fleets, random interventions: every plan keeps the invariants (checked inside `plan` in this build), the same
/// input gives the same plan, and what is left alone in the end is done.
#[test]
fn random_worlds_keep_every_rule_and_reach_the_end() {
    for seed in 0..60 {
        let mut rng = Rng(seed);
        let nodes = 5 + usize::try_from(rng.below(60)).unwrap();
        let mut strategy = Strategy::implied(Amount::Percent(1 + u32::try_from(rng.below(60)).unwrap()));
        if rng.chance(0.3) {
            strategy.max_unavailable_per_pool = Some(Amount::Percent(30));
        }
        if rng.chance(0.3) {
            strategy.slow_start = SlowStart::None;
        }
        let mut world = World::new(seed, nodes, 4, strategy);
        world.flap(0.2, 400);
        for change in 0..6 {
            world.release(
                &format!("r{}", 2 + change % 3),
                if rng.chance(0.2) { Release::Broken } else { Release::Good },
            );
            for _ in 0..rng.below(200) {
                let i = usize::try_from(rng.below(nodes as u64)).unwrap();
                match rng.below(12) {
                    0 => world.nodes[i].cordoned ^= true,
                    1 => world.pods[i].clear(),
                    2 if rng.chance(0.2) => world.restart(),
                    _ => {}
                }
                let again = world.run.clone();
                let plan = world.tick(400);
                drop((again, plan));
            }
        }
        world.next_flap.fill(None);
        (0..nodes).for_each(|i| {
            world.set_up(i, true);
            world.nodes[i].cordoned = false;
        });
        world.release("last", Release::Good);
        for pods in &mut world.pods {
            pods.iter_mut().for_each(|pod| pod.trouble = None);
        }
        assert!(
            world.run_until(8 * 3600, 400, completed).is_some(),
            "seed {seed} gets stuck: {:?}",
            world.tick(400).report
        );
        world.run_until(3600, 400, |_, _| false);
        assert!(world.pods.iter().all(|pods| &*pods[0].revision == "last"), "seed {seed}");
        let day = SignedDuration::from_hours(24);
        assert!(world.now.duration_since(world.start) < day);
    }
}
