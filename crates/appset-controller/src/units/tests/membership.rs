//! Pools whose labels change, and with them what their workload is to be, and pools that go.

use planner::rollout::DesiredState;
use serde_json::json;

use super::fleet::Fleet;
use super::{POOLS, in_flight, waves};

#[test]
fn pools_that_get_other_labels_wait_for_their_turn_as_for_a_release() {
    let mut fleet = Fleet::completed(&POOLS, Some(waves()));
    let image = json!({"containerImages": [{"name": "web", "targetImage": "web:lab"}]});
    fleet.world.tweak(json!([{"nodepoolSelector": {"matchLabels": {"tier": "lab"}}, "tweaks": image}]));
    fleet.until(Fleet::is_completed);
    fleet.control.desired = DesiredState::Paused;
    let before = fleet.specs();
    fleet.relabel(&POOLS, [("tier", "lab")]);
    for _ in 0..10 {
        fleet.tick();
        assert_eq!(fleet.specs(), before, "the run is paused");
    }
    let why = "waits for its turn: the run is paused by spec.desiredState";
    assert_eq!((fleet.hold("lab").as_deref(), fleet.report().counts.updated), (Some(why), 0));
    fleet.control.desired = DesiredState::Running;
    fleet.until(|fleet| {
        let east = fleet.under_change().into_iter().filter(|pool| pool.starts_with("east-")).count();
        assert!(east <= 2, "two of them may be under change");
        fleet.is_completed() && fleet.of_newest() == POOLS && fleet.report().counts.settled == 6
    });
    let is_new = |spec: &serde_json::Value| spec["template"]["spec"]["containers"][0]["image"] == "web:lab";
    assert!(fleet.specs().values().all(is_new), "{:#?}", fleet.specs());
    let written = fleet.writes();
    (0..5).for_each(|_| fleet.tick());
    assert_eq!(fleet.writes(), written, "nothing is written any more");
}

#[test]
fn a_pool_that_is_removed_in_flight_leaves_its_slot_at_once() {
    let (mut fleet, first) = in_flight();
    let others: Vec<_> = POOLS.into_iter().filter(|pool| *pool != first).collect();
    fleet.world.choose(&others);
    fleet.tick();
    let next = fleet.of_newest().into_iter().find(|pool| pool.starts_with("east-") && *pool != first);
    assert!(next.is_some(), "{first} is removed, and the next one begins: {:#?}", fleet.holds());
    fleet.until(|fleet| fleet.is_completed() && fleet.of_newest() == others);
}
