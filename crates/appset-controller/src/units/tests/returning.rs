//! Rule 12 over pools: who goes back, and how many at once.

use std::collections::BTreeMap;

use planner::rollout::RunPhase;
use serde_json::json;

use super::fleet::Fleet;
use super::{POOLS, waves};

/// Long enough for clocks of two API servers.
const A_WHILE: usize = 30;

#[test]
fn pools_that_had_the_revision_before_the_run_began_stay_where_they_are() {
    for (restarts, bounded) in [(false, false), (true, false), (false, true)] {
        let mut strategy = waves();
        strategy["failurePolicy"] = json!({"action": "Rollback", "maxFailures": 0});
        let mut fleet = Fleet::completed(&POOLS, Some(strategy.clone()));
        let first = fleet.newest();
        fleet.release("web:2");
        fleet.until(Fleet::is_completed);
        let second = fleet.newest();
        fleet.fail(&["lab"]);
        fleet.release("web:3");
        fleet.until(|fleet| fleet.of_newest() == ["lab"]);
        (0..A_WHILE).for_each(|_| fleet.tick());
        // Its user takes it back before it has failed, and what is wrong is the canary, not the revision.
        fleet.last_completed = Some(first.clone());
        if bounded {
            // Every workload is written, and no pod restarts.
            strategy["unit"] = json!({"maxUnavailablePerPool": 1});
            fleet.follow(strategy);
        }
        fleet.release("web:2");
        fleet.tick();
        assert_eq!(fleet.newest(), second);
        if restarts {
            fleet.restart();
        }
        fleet.until(|fleet| fleet.report().phase == RunPhase::Halted && fleet.returning.is_over());
        (0..A_WHILE).for_each(|_| fleet.tick());
        let mut expected: BTreeMap<_, _> = POOLS.map(|pool| (pool.to_owned(), second.clone())).into();
        expected.insert("lab".to_owned(), first);
        assert_eq!(fleet.revisions(), expected, "restarts: {restarts}, bounded: {bounded}");
    }
}

#[test]
fn no_more_pools_go_back_at_once_than_may_be_unavailable() {
    let policy = json!({"action": "Rollback", "maxFailures": 1, "minObserved": 1});
    let of_run = json!({"maxUnavailable": 1, "failurePolicy": policy});
    let mut over_waves = waves();
    over_waves["maxUnavailable"] = 1.into();
    over_waves["failurePolicy"] = policy.clone();
    let wave = json!({"name": "everywhere", "poolSelector": {}, "maxUnavailable": 1});
    let of_wave = json!({"waves": [wave], "failurePolicy": policy});
    for strategy in [of_run, over_waves, of_wave] {
        let mut fleet = Fleet::completed(&POOLS, Some(strategy.clone()));
        fleet.last_completed = Some(fleet.newest());
        let before = fleet.specs();
        fleet.release("web:2");
        fleet.until(|fleet| fleet.of_newest().len() == 4);
        let others: Vec<_> = POOLS.into_iter().filter(|pool| !fleet.of_newest().contains(pool)).collect();
        fleet.fail(&others);
        fleet.until(|fleet| fleet.report().phase == RunPhase::Halted);
        assert_eq!(fleet.restarts_since_release().len(), POOLS.len(), "{strategy}");
        fleet.until(|fleet| {
            let is_back = |pool: &String| !fleet.of_newest().contains(&pool.as_str());
            let back: Vec<_> = fleet.under_change().into_iter().filter(is_back).collect();
            assert!(back.len() <= 1, "{strategy}: {back:?} go back at once");
            fleet.specs() == before && fleet.returning.is_over()
        });
    }
}
