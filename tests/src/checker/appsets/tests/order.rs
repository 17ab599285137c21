//! Which pools start when.

use super::story::{POOLS, US, canary, child, soaked};
use super::*;

#[test]
fn waves_in_their_order_break_no_rule() {
    let mut story = soaked();
    for pool in ["b", "c"] {
        story.start(pool, 1);
    }
    assert_eq!(story.breaches(), []);
}

#[test]
fn a_start_before_the_soak_is_over_is_seen() {
    let mut story = Story::begin(&canary());
    story.start("a", 1);
    story.start("b", 1);
    assert_eq!(story.breaches(), [SetRule::WaveOrder], "the canary was not even done");
    let mut story = soaked();
    story.second -= 8;
    story.start("b", 1);
    assert_eq!(story.breaches(), [SetRule::WaveOrder], "two seconds are not five");
}

#[test]
fn a_start_that_nobody_approved_is_seen() {
    let mut story = Story::begin(&json!({"waves": [{"name": "canary", "pools": ["a"], "approval": "BeforeWave"}]}));
    let mut approved = Story { deeds: story.deeds.clone(), ..story };
    story.start("a", 1);
    assert_eq!(story.breaches(), [SetRule::WaveOrder]);
    let request = json!({"metadata": {"uid": "ask"}, "spec": {
        "rolloutRef": {"uid": "run-1"}, "wave": "canary", "point": "BeforeWave", "decision": "Approved",
    }});
    approved.told("admin", "update", "approvalrequests", "ask", request);
    approved.start("a", 1);
    assert_eq!(approved.breaches(), []);
}

#[test]
fn more_pools_under_change_than_may_be_are_seen_and_a_failed_one_frees_its_slot() {
    let wave = json!({"name": "all", "pools": POOLS, "maxConcurrentPools": 1});
    let mut story = Story::begin(&json!({"waves": [wave]}));
    story.start("a", 1);
    story.start("b", 1);
    assert_eq!(story.breaches(), [SetRule::ConcurrentPools]);

    let mut story = Story::begin(&json!({"waves": [wave]}));
    story.start("a", 1);
    let mut failed = child("web-a", "a", 1, 1, 0);
    failed["status"]["conditions"] = json!([{"type": "Progressing", "status": "False"}]);
    story.told("deployment-controller", "update", "deployments", "web-a", failed);
    story.start("b", 1);
    assert_eq!(story.breaches(), []);
}

#[test]
fn a_pool_moved_to_what_is_asked_for_no_more_is_seen() {
    let mut story = soaked();
    story.ask(2);
    story.run(2, &canary());
    story.second += 5;
    story.start("b", 1);
    assert_eq!(story.breaches(), [SetRule::Superseded]);
}

#[test]
fn a_pool_that_gets_another_revision_than_it_is_pinned_to_is_seen() {
    let pinned = |to: &str, wait: i64| {
        let mut story = soaked();
        let pins = json!({"drover.dev/pinned-revisions": json!({"b": to}).to_string()});
        let set = story.changed("yurtappsets", "web", "/metadata/annotations", pins);
        story.told("admin", "patch", "yurtappsets", "web", set);
        story.second += wait;
        story.start("b", 1);
        story.breaches()
    };
    assert_eq!(pinned("web-0", 5), [SetRule::Pinned]);
    assert_eq!(pinned("web-0", 0), [], "a second ago: nobody can know");
    assert_eq!(pinned("web-1", 5), []);
}

#[test]
fn a_pool_that_goes_back_before_anybody_was_told_of_the_failure_is_seen() {
    let strategy = json!({"waves": [{"name": "all", "pools": POOLS}], "failurePolicy": {"action": "Rollback"}});
    let back = |failed: bool| {
        let mut story = Story::begin(&strategy);
        story.start("a", 1);
        story.done("a", 1);
        story.ask(2);
        story.run(2, &strategy);
        story.start("a", 2);
        if failed {
            story.say("run-2", json!({"phase": "Halted", "halt": {"token": "t"}}));
        }
        story.second += 5;
        story.start("a", 1);
        story.breaches()
    };
    assert_eq!(back(true), []);
    assert_eq!(back(false), [SetRule::Superseded]);
}

#[test]
fn a_start_in_a_run_that_is_stopped_is_seen() {
    let after = |change: fn(&mut Story)| {
        let mut story = soaked();
        change(&mut story);
        story.start("b", 1);
        story.breaches()
    };
    let halted = json!({"phase": "Halted", "halt": {"token": "t-1"}});
    for told in ["Paused", "Aborted"] {
        let known = |wait: i64| {
            let mut story = soaked();
            story.steer("desiredState", json!(told));
            story.second += wait;
            story.start("b", 1);
            story.breaches()
        };
        assert_eq!(known(5), [SetRule::Stopped], "{told}");
        assert_eq!(known(0), [], "{told}, a second ago: nobody can know");
    }
    let resumed = |story: &mut Story| {
        story.steer("desiredState", json!("Paused"));
        story.second += 5;
        story.steer("desiredState", json!("Running"));
    };
    assert_eq!(after(resumed), []);
    let halt = |token: Option<&str>| {
        let mut story = soaked();
        story.say("run-1", halted.clone());
        story.second += 5;
        token.into_iter().for_each(|token| story.steer("resumeToken", json!(token)));
        story.start("b", 1);
        story.breaches()
    };
    assert_eq!(halt(None), [SetRule::Stopped]);
    assert_eq!(halt(Some("t-0")), [SetRule::Stopped], "that of another halt");
    assert_eq!(halt(Some("t-1")), []);
}

#[test]
fn a_wave_with_too_many_failures_holds_the_next_and_a_promotion_ends_only_its_soak() {
    let trouble = |story: &mut Story, pool: &str| {
        let mut failed = child(&format!("web-{pool}"), pool, 1, 1, 0);
        failed["status"]["conditions"] = json!([{"type": "Progressing", "status": "False"}]);
        story.told("deployment-controller", "update", "deployments", &format!("web-{pool}"), failed);
    };
    let mut story = Story::begin(&canary());
    story.start("a", 1);
    trouble(&mut story, "a");
    story.second += 20;
    story.start("b", 1);
    assert_eq!(story.breaches(), [SetRule::WaveOrder], "one pool that failed is the whole wave");

    let promoted = |done: bool| {
        let mut story = Story::begin(&canary());
        story.start("a", 1);
        if done {
            story.done("a", 1);
        }
        story.steer("promotedThrough", json!("canary"));
        story.start("b", 1);
        story.breaches()
    };
    assert_eq!(promoted(true), []);
    assert_eq!(promoted(false), [SetRule::WaveOrder], "it is no word about pools that are under change");
}

#[test]
fn a_wave_is_through_when_as_many_as_it_needs_are_done() {
    let wave = json!({"name": "most", "pools": ["a", "b"], "minUpdated": "50%"});
    let mut story = Story::begin(&json!({"waves": [wave]}));
    story.start("a", 1);
    story.start("b", 1);
    let mut early = Story { deeds: story.deeds.clone(), ..story };
    early.start("c", 1);
    assert_eq!(early.breaches(), [SetRule::WaveOrder]);
    story.done("a", 1);
    story.start("c", 1);
    assert_eq!(story.breaches(), []);
}

#[test]
fn a_workload_that_somebody_deleted_may_be_made_again_as_it_was_and_not_otherwise() {
    let remade = |by: &str, revision: u32| {
        let mut story = soaked();
        for pool in POOLS {
            story.start(pool, 1);
            story.done(pool, 1);
        }
        story.ask(2);
        story.run(2, &canary());
        let run = story.changed("fleetrollouts", "run-2", "/spec/desiredState", json!("Paused"));
        story.told("admin", "patch", "fleetrollouts", "run-2", run);
        let there = story.changed("deployments", "web-b", "/status", json!({}));
        // One that was deleted for its pool's sake is none that was deleted by accident.
        if by == US {
            let pool = story.changed("nodepools", "b", "/metadata/labels", json!({}));
            story.told("admin", "delete", "nodepools", "b", pool);
        }
        story.second += 5;
        story.told(by, "delete", "deployments", "web-b", there);
        story.second += 5;
        let mut again = child("web-b", "b", revision, revision, 0);
        again["metadata"]["uid"] = json!("another");
        story.told(US, "patch", "deployments", "web-b", again);
        story.breaches()
    };
    assert_eq!(remade("admin", 1), []);
    assert!(remade("admin", 2).contains(&SetRule::Stopped));
    assert!(remade(US, 1).contains(&SetRule::Superseded));
}
