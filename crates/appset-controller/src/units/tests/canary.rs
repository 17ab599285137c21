//! Canaries that leave, or cannot be made, in the middle of a release: they prove nothing, and release nothing.

use planner::rollout::{Hold, RunPhase};
use serde_json::json;

use super::fleet::Fleet;
use super::{POOLS, waves};
use crate::plan::OnRefusal;

/// Long enough for every verdict.
const A_WHILE: usize = 100;

fn is_held(fleet: &Fleet, kind: &str) {
    let hold = fleet.report().hold.as_ref().map(Hold::kind);
    assert_eq!((hold, fleet.report().phase), (Some(kind), RunPhase::Held), "{}", fleet.report().sentence);
}

#[test]
fn a_canary_that_is_pinned_or_removed_in_the_middle_of_its_wave_releases_nothing() {
    for how in ["pinned", "removed"] {
        let mut fleet = Fleet::completed(&POOLS, Some(waves()));
        let first = fleet.newest();
        fleet.release("web:2");
        fleet.until(|fleet| fleet.of_newest() == ["lab"]);
        if how == "pinned" {
            fleet.pin(&json!({ "lab": first }));
        } else {
            fleet.choose(&POOLS.map(|pool| if pool == "lab" { "east-1" } else { pool }));
        }
        for _ in 0..A_WHILE {
            fleet.tick();
            assert!(fleet.of_newest().iter().all(|pool| *pool == "lab"), "{how}: {:?}", fleet.of_newest());
        }
        is_held(&fleet, "NoPoolLeft");
        fleet.restart();
        fleet.tick();
        is_held(&fleet, "NoPoolLeft");
        fleet.control.promoted_through = "canary".to_owned();
        fleet.until(|fleet| fleet.is_completed() && fleet.of_newest().len() == 5);
    }
}

#[test]
fn a_canary_that_is_refused_holds_the_others_though_refusals_hold_pools_alone() {
    let mut fleet = Fleet::completed(&POOLS, Some(waves()));
    fleet.world.on_refusal = OnRefusal::HoldPools;
    let image = json!({"containerImages": [{"name": "web", "targetImage": "web:2"}]});
    let broken = json!({"patches": [{"path": "/spec/nothing", "operation": "remove"}]});
    fleet.world.tweak(json!([{"pools": POOLS, "tweaks": image}, {"pools": ["lab"], "tweaks": broken}]));
    for _ in 0..A_WHILE {
        fleet.tick();
        assert!(fleet.of_newest().is_empty(), "{:?}", fleet.of_newest());
    }
    is_held(&fleet, "NoPoolLeft");
    fleet.control.promoted_through = "canary".to_owned();
    fleet.until(|fleet| fleet.of_newest().len() == 5);
}

#[test]
fn a_pool_whose_write_is_refused_is_told_and_holds_later_waves() {
    let mut fleet = Fleet::completed(&POOLS, Some(waves()));
    fleet.refuse(&["east-3"]);
    fleet.release("web:2");
    (0..A_WHILE).for_each(|_| fleet.tick());
    is_held(&fleet, "Refused");
    assert_eq!(fleet.of_newest(), ["east-1", "east-2", "lab"]);
    let waits = fleet.hold("west-1");
    assert_eq!(waits.as_deref(), Some("waits for its turn: it waits for wave \"east\": pool east-3 failed"));
    fleet.refuse(&[]);
    fleet.until(|fleet| fleet.is_completed() && fleet.of_newest() == POOLS);
}
