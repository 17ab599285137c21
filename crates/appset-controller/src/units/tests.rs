mod canary;
mod fleet;
mod membership;
mod properties;
mod returning;

use planner::rollout::{DesiredState, RunPhase};
use serde_json::json;

use crate::plan::Hold;
use fleet::Fleet;

/// Canary `lab`, then `east-1` to `east-3` two at a time, then the rest.
fn waves() -> serde_json::Value {
    json!({"waves": [
        {"name": "canary", "pools": ["lab"]},
        {"name": "east", "pools": ["east-1", "east-2", "east-3"], "maxConcurrentPools": 2},
    ]})
}

/// A release whose canary has settled, and the pool of wave `east`, one at a time there, that has it too.
fn in_flight() -> (Fleet, String) {
    let mut strategy = waves();
    strategy["waves"][1]["maxConcurrentPools"] = 1.into();
    let mut fleet = Fleet::completed(&POOLS, Some(strategy));
    fleet.release("web:2");
    fleet.until(|fleet| fleet.of_newest().len() == 2);
    let first = fleet.of_newest().into_iter().find(|pool| *pool != "lab").unwrap().to_owned();
    (fleet, first)
}

const POOLS: [&str; 6] = ["east-1", "east-2", "east-3", "lab", "west-1", "west-2"];

#[test]
fn without_a_strategy_every_pool_gets_the_revision_at_once_and_one_that_fails_stops_none() {
    let mut fleet = Fleet::new(&POOLS, None);
    fleet.tick();
    assert_eq!(fleet.of_newest(), POOLS, "the first revision too");
    fleet.until(Fleet::is_completed);
    fleet.fail(&["east-1", "west-1"]);
    fleet.release("web:2");
    fleet.tick();
    assert_eq!(fleet.of_newest(), POOLS);
    fleet.until(Fleet::is_completed);
    assert_eq!((fleet.report().counts.failed, fleet.report().counts.settled), (2, 4), "{}", fleet.report().sentence);
    fleet.add("new");
    fleet.tick();
    assert_eq!(fleet.of_newest().len(), 7, "nor one that comes later");
}

#[test]
fn waves_go_one_after_the_other_and_the_pools_of_each_as_many_at_once_as_may() {
    let mut fleet = Fleet::new(&POOLS, Some(waves()));
    fleet.tick();
    assert_eq!(fleet.of_newest(), ["lab"], "the first revision goes through waves like any other");
    assert_eq!(fleet.hold("west-1").as_deref(), Some("waits for its turn: it waits for wave \"east\""));
    fleet.until(|fleet| fleet.of_newest().len() == 3);
    fleet.until(Fleet::is_completed);
    assert_eq!((fleet.of_newest(), fleet.holds().len()), (POOLS.to_vec(), 0));
    let before = fleet.writes();
    for _ in 0..10 {
        fleet.tick();
    }
    assert_eq!(fleet.writes(), before, "nothing is written any more");
}

#[test]
fn what_a_process_began_and_told_nobody_of_keeps_its_slots() {
    let strategy = json!({"waves": [{"name": "all", "poolSelector": {}, "maxConcurrentPools": 2}]});
    let mut fleet = Fleet::completed(&POOLS, Some(strategy));
    fleet.release("web:2");
    fleet.tick();
    let begun = fleet.under_change();
    assert_eq!(begun.len(), 2);
    fleet.restart_untold(fleet.world.now);
    fleet.tick();
    assert_eq!(fleet.under_change(), begun, "no other pool begins meanwhile");
    fleet.until(Fleet::is_completed);
    assert_eq!(fleet.of_newest(), POOLS);
}

#[test]
fn a_canary_that_fails_holds_all_others_by_its_name_and_does_so_across_restarts() {
    let mut fleet = Fleet::completed(&POOLS, Some(waves()));
    fleet.fail(&["lab"]);
    fleet.release("web:2");
    fleet.until(|fleet| fleet.report().phase == RunPhase::Halted);
    assert_eq!(fleet.of_newest(), ["lab"]);
    let why = "waits for its turn: the run is halted: 1 of the 1 pools of wave \"canary\" failed (lab), none may";
    assert_eq!(fleet.hold("east-1").as_deref(), Some(why));
    fleet.restart();
    for _ in 0..30 {
        fleet.tick();
    }
    assert_eq!((fleet.of_newest(), fleet.report().phase), (vec!["lab"], RunPhase::Halted));
    // A better release goes on.
    fleet.fail(&[]);
    fleet.release("web:3");
    fleet.until(Fleet::is_completed);
    assert_eq!(fleet.of_newest(), POOLS);
}

#[test]
fn a_pool_that_fails_holds_later_waves_by_its_name_while_its_own_wave_goes_on() {
    let mut strategy = waves();
    strategy["failurePolicy"] = json!({"maxFailures": 1});
    let mut fleet = Fleet::completed(&POOLS, Some(strategy));
    fleet.fail(&["east-1"]);
    fleet.release("web:2");
    fleet.until(|fleet| fleet.report().counts.failed == 1);
    // The slot of the failed pool is free: the third of its wave is or was given the revision.
    fleet.until(|fleet| ["east-1", "east-2", "east-3"].iter().all(|pool| fleet.of_newest().contains(pool)));
    let hold = fleet.hold("west-1");
    assert!(
        fleet.of_newest().contains(&"west-1")
            || hold.as_deref() == Some("waits for its turn: it waits for wave \"east\": pool east-1 failed"),
        "{hold:?}"
    );
    fleet.until(Fleet::is_completed);
    assert_eq!(fleet.of_newest(), POOLS, "one may fail");
}

#[test]
fn a_canary_that_was_broken_before_proves_nothing() {
    let mut fleet = Fleet::completed(&POOLS, Some(waves()));
    fleet.fail(&["lab"]);
    fleet.break_down("lab");
    fleet.release("web:2");
    fleet.until(|fleet| fleet.report().counts.pre_existing == 1);
    for _ in 0..20 {
        fleet.tick();
    }
    assert_eq!(fleet.of_newest(), ["lab"], "{}", fleet.report().sentence);
    assert!(
        fleet.report().sentence.contains("0 pools of the wave are settled, 1 must be"),
        "{}",
        fleet.report().sentence
    );
    fleet.fail(&[]);
    fleet.until(Fleet::is_completed);
}

#[test]
fn a_dark_pool_is_held_out_and_caught_up() {
    let mut fleet = Fleet::completed(&POOLS, Some(waves()));
    fleet.dark(&["east-2"]);
    fleet.release("web:2");
    fleet.until(Fleet::is_completed);
    assert!(!fleet.of_newest().contains(&"east-2"));
    assert_eq!(fleet.hold("east-2").as_deref(), Some("waits for its turn: none of its nodes is Ready"));
    fleet.dark(&[]);
    fleet.until(|fleet| fleet.of_newest() == POOLS);
    fleet.until(|fleet| fleet.report().counts.settled == 6);
}

#[test]
fn a_pool_that_goes_dark_in_flight_frees_its_slot_and_goes_on_when_it_is_back() {
    let (mut fleet, first) = in_flight();
    fleet.dark(&[&first]);
    fleet.until(|fleet| fleet.of_newest().len() == 6);
    assert_ne!(fleet.report().counts.settled, 6);
    fleet.dark(&[]);
    fleet.until(|fleet| fleet.report().counts.settled == 6);
}

#[test]
fn while_nobody_knows_who_is_reachable_nothing_starts_and_nobody_fails() {
    let mut fleet = Fleet::completed(&POOLS, Some(waves()));
    fleet.release("web:2");
    fleet.tick();
    fleet.silent = true;
    for _ in 0..200 {
        fleet.tick();
    }
    assert_eq!(fleet.of_newest(), ["lab"]);
    assert!(
        fleet.report().sentence.starts_with("held: it is not known which pools are reachable"),
        "{:?}",
        fleet.report()
    );
    assert_eq!(fleet.report().counts.failed, 0);
    fleet.silent = false;
    fleet.until(Fleet::is_completed);
}

#[test]
fn touched_pools_and_no_others_go_back_to_the_last_completed_revision() {
    let mut strategy = waves();
    strategy["failurePolicy"] = json!({"action": "Rollback", "maxFailures": 0});
    let mut fleet = Fleet::completed(&POOLS, Some(strategy));
    let (before, first) = (fleet.specs(), fleet.newest());
    fleet.last_completed = Some(first.clone());
    fleet.fail(&["east-3"]);
    fleet.release("web:2");
    fleet.until(|fleet| fleet.report().phase == RunPhase::Halted);
    fleet.until(|fleet| fleet.specs() == before && fleet.returning.is_over());
    assert!(fleet.of_newest().is_empty());
    let touched: Vec<_> = fleet.restarts_since_release().into_keys().collect();
    assert_eq!(touched, ["east-1", "east-2", "east-3", "lab"], "no pool of a wave that was not open");
    let why = fleet.hold("lab").unwrap();
    assert!(why.starts_with("waits for its turn: the run is halted: 1 of"), "{why}");
    // It stays so, also after a restart, until the spec changes.
    fleet.restart();
    for _ in 0..20 {
        fleet.tick();
    }
    assert_eq!((fleet.specs(), fleet.of_newest().len()), (before, 0));
    fleet.fail(&[]);
    fleet.release("web:3");
    fleet.until(Fleet::is_completed);
    assert_eq!(fleet.of_newest(), POOLS);
}

#[test]
fn who_resumes_after_a_rollback_goes_on_with_the_revision() {
    let mut strategy = waves();
    strategy["failurePolicy"] = json!({"action": "Rollback"});
    let mut fleet = Fleet::completed(&POOLS, Some(strategy));
    fleet.last_completed = Some(fleet.newest());
    fleet.fail(&["lab"]);
    fleet.release("web:2");
    fleet.until(|fleet| fleet.report().phase == RunPhase::Halted && fleet.of_newest().is_empty());
    fleet.fail(&[]);
    fleet.control.resume_token = "halt-1".to_owned();
    fleet.until(Fleet::is_completed);
    assert_eq!(fleet.of_newest(), POOLS);
}

#[test]
fn pinned_pools_are_no_units_and_return_when_the_pin_goes() {
    let mut fleet = Fleet::completed(&POOLS, Some(waves()));
    let first = fleet.newest();
    fleet.pin(&json!({ "east-1": first }));
    fleet.release("web:2");
    fleet.until(Fleet::is_completed);
    assert_eq!((fleet.report().counts.desired, fleet.of_newest().len()), (5, 5));
    assert_eq!(fleet.holds()["east-1"], Hold::Pinned(first));
    fleet.pin(&json!({}));
    fleet.until(|fleet| fleet.of_newest() == POOLS);
}

#[test]
fn a_paused_run_starts_nothing_and_an_aborted_one_never_does() {
    for (desired, why) in [
        (DesiredState::Paused, "the run is paused by spec.desiredState"),
        (DesiredState::Aborted, "the run is aborted by spec.desiredState"),
    ] {
        let mut fleet = Fleet::completed(&POOLS, Some(waves()));
        fleet.control.desired = desired;
        fleet.release("web:2");
        for _ in 0..20 {
            fleet.tick();
        }
        assert_eq!((fleet.of_newest().len(), fleet.hold("lab")), (0, Some(format!("waits for its turn: {why}"))));
        fleet.control.desired = DesiredState::Running;
        fleet.until(Fleet::is_completed);
    }
}

#[test]
fn a_workload_that_somebody_deletes_is_made_again_as_it_was_and_starts_nothing() {
    let mut fleet = Fleet::completed(&POOLS, Some(waves()));
    fleet.release("web:2");
    fleet.until(|fleet| fleet.report().counts.settled == 1);
    for stop in ["paused", "halted"] {
        if stop == "paused" {
            fleet.control.desired = DesiredState::Paused;
        } else {
            fleet.control.desired = DesiredState::Running;
            fleet.fail(&["lab"]);
            fleet.release("web:bad");
            fleet.until(|fleet| fleet.report().phase == RunPhase::Halted);
        }
        fleet.tick();
        let (before, specs) = (fleet.revisions(), fleet.specs());
        fleet.delete(&["lab", "east-1", "west-2"]);
        for _ in 0..10 {
            fleet.tick();
            assert_eq!((fleet.revisions(), fleet.specs()), (before.clone(), specs.clone()), "{stop}");
        }
    }
    // A process that did not see it does not know what it was.
    fleet.delete(&["east-1"]);
    fleet.restart();
    fleet.tick();
    assert!(!fleet.revisions().contains_key("east-1"));
    assert!(fleet.hold("east-1").is_some_and(|why| why.contains("the run is halted")), "{:?}", fleet.holds());
    fleet.fail(&[]);
    fleet.release("web:good");
    fleet.until(Fleet::is_completed);
    assert_eq!(fleet.of_newest(), POOLS);
}

#[test]
fn a_superseded_run_leaves_its_slots_to_the_next() {
    let mut strategy = waves();
    strategy["waves"][1] = json!({"name": "all", "poolSelector": {}, "maxConcurrentPools": 2});
    let mut fleet = Fleet::completed(&POOLS, Some(strategy));
    fleet.release("web:2");
    fleet.until(|fleet| fleet.of_newest().len() == 3);
    let under_way: Vec<String> = fleet.under_change();
    assert_eq!(under_way.len(), 2, "{under_way:?}");
    fleet.release("web:3");
    fleet.until(|fleet| fleet.of_newest().len() >= 2);
    fleet.until(Fleet::is_completed);
    assert_eq!(fleet.of_newest(), POOLS);
}

#[test]
fn a_bound_on_the_update_in_each_pool_restarts_nothing() {
    let mut fleet = Fleet::completed(&POOLS, Some(json!({"unit": {"maxUnavailablePerPool": 1}})));
    let spec = fleet.specs().remove("lab").unwrap();
    assert_eq!(spec["strategy"], json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}));
    fleet.follow(json!({"unit": {"maxUnavailablePerPool": "30%"}}));
    fleet.until(|fleet| fleet.specs()["lab"]["strategy"]["rollingUpdate"]["maxUnavailable"] == "30%");
    fleet.follow(json!({}));
    fleet.until(|fleet| fleet.specs()["lab"].get("strategy").is_none());
    assert!(fleet.restarts_since_release().is_empty());
}

#[test]
fn a_wave_soaks_before_the_next_one_opens() {
    let mut strategy = waves();
    strategy["waves"][0]["soakSeconds"] = 20.into();
    let mut fleet = Fleet::completed(&POOLS, Some(strategy));
    fleet.release("web:2");
    fleet.until(|fleet| fleet.of_newest() == ["lab"] && fleet.under_change().is_empty());
    let done = fleet.world.now;
    fleet.until(|fleet| fleet.of_newest().len() > 1);
    let soaked = fleet.world.now.duration_since(done).as_secs();
    assert!((20..25).contains(&soaked), "{soaked} s");
}

#[test]
fn no_more_pools_of_a_wave_go_back_at_once_than_may_be_under_change() {
    let mut strategy = waves();
    strategy["waves"][1]["maxConcurrentPools"] = 1.into();
    strategy["failurePolicy"] = json!({"action": "Rollback", "maxFailures": 0});
    let mut fleet = Fleet::completed(&POOLS, Some(strategy));
    fleet.last_completed = Some(fleet.newest());
    let before = fleet.specs();
    // The last one of its wave: all three have the revision by then, and that one goes back first.
    fleet.fail(&["east-3"]);
    fleet.release("web:2");
    fleet.until(|fleet| fleet.report().phase == RunPhase::Halted);
    assert_eq!(fleet.of_newest(), ["east-1", "east-2"]);
    fleet.until(|fleet| {
        let east = fleet.under_change().into_iter().filter(|pool| pool.starts_with("east-")).collect::<Vec<_>>();
        assert!(east.len() <= 1, "{east:?} go back at once");
        fleet.specs() == before && fleet.returning.is_over()
    });
}
