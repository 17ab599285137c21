//! Whatever the strategy, the releases and the pools that fail or are away: what may never happen does not, and in the end every pool
//! that can has the revision.

use std::collections::BTreeMap;

use planner::rollout::RunPhase;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fleet::Fleet;

const POOLS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

/// Something that happens before a second passes.
#[derive(Debug, Clone)]
enum Event {
    Nothing,
    Release,
    Fail(Vec<&'static str>),
    Dark(Vec<&'static str>),
    Restart,
}

fn some_pools() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(POOLS.to_vec(), 0..4)
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => Just(Event::Nothing),
        1 => Just(Event::Release),
        1 => some_pools().prop_map(Event::Fail),
        1 => some_pools().prop_map(Event::Dark),
        1 => Just(Event::Restart),
    ]
}

/// A strategy with up to two named waves, and the limits of its waves by name.
fn strategy() -> impl Strategy<Value = Option<Value>> {
    let limit = || prop_oneof![Just(None), (1..4_u32).prop_map(Some)];
    let waves = (0..3_usize, 1..3_usize, limit(), limit());
    let given = (waves, any::<bool>(), any::<bool>()).prop_map(|((first, second, one, other), tolerant, rollback)| {
        let wave = |name: &str, pools: &[&str], limit: Option<u32>| {
            let mut wave = json!({"name": name, "pools": pools});
            if let Some(limit) = limit {
                wave["maxConcurrentPools"] = limit.into();
            }
            wave
        };
        let mut waves = Vec::new();
        if first > 0 {
            waves.push(wave("one", &POOLS[..first], one));
            waves.push(wave("other", &POOLS[first..=first + second], other));
        }
        let failures = json!({
            "maxFailures": if tolerant { "50%" } else { "0%" }, "minObserved": if tolerant { 1 } else { 3 },
            "action": if rollback { "Rollback" } else { "Pause" },
        });
        Some(json!({"waves": waves, "failurePolicy": failures}))
    });
    prop_oneof![1 => Just(None), 6 => given]
}

/// The waves that have opened, and all limits.
fn limits(strategy: Option<&Value>) -> BTreeMap<String, u64> {
    let waves = strategy.and_then(|strategy| strategy["waves"].as_array());
    let limit = |wave: &Value| Some((wave["name"].as_str()?.to_owned(), wave["maxConcurrentPools"].as_u64()?));
    waves.into_iter().flatten().filter_map(limit).collect()
}

/// What may never be, whatever happens.
fn check(
    fleet: &Fleet,
    before: &BTreeMap<String, String>,
    limits: &BTreeMap<String, u64>,
) -> Result<(), TestCaseError> {
    let report = fleet.report();
    let wave_of = |pool: &str| report.pools.iter().find(|known| *known.pool == *pool).map(|known| known.wave.clone());
    let newest = fleet.newest();
    let started: Vec<_> = fleet.of_newest().into_iter().filter(|pool| before.get(*pool) != Some(&newest)).collect();
    for pool in &started {
        let wave = wave_of(pool);
        let place = fleet.run().waves().iter().position(|open| wave.as_deref() == Some(&*open.name));
        prop_assert!(place.is_some() || fleet.run().completed_at().is_some(), "{pool} starts before its wave {wave:?}");
        let earlier = &fleet.run().waves()[..place.unwrap_or(0)];
        prop_assert!(earlier.iter().all(|wave| wave.succeeded.is_some()), "{pool} starts too early");
        prop_assert!(fleet.is_lit(pool), "{pool} is dark, and starts");
    }
    for (wave, limit) in limits {
        // A pool that failed, or is dark for long, has freed its slot.
        let is_busy = |pool: &String| wave_of(pool).as_deref() == Some(wave) && fleet.is_changing(pool);
        let busy: Vec<_> = fleet.under_change().into_iter().filter(is_busy).collect();
        let starts = started.iter().filter(|pool| wave_of(pool).as_deref() == Some(wave)).count();
        prop_assert!(starts == 0 || busy.len() as u64 <= *limit, "{busy:?} are under change, {limit} may be");
    }
    // Nothing is replaced twice for a revision, unless it went back in between.
    if report.phase != RunPhase::Halted && !fleet.went_back {
        let twice: Vec<_> = fleet.restarts_since_release().into_iter().filter(|(_, count)| *count > 1).collect();
        prop_assert!(twice.is_empty(), "{twice:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_of_events_keeps_the_rules_and_ends_well(strategy in strategy(), events in prop::collection::vec(event(), 1..60)) {
        let mut fleet = Fleet::new(&POOLS, strategy.clone());
        let limits = limits(strategy.as_ref());
        let mut releases = 1;
        for event in events {
            match event {
                Event::Nothing => {}
                Event::Release => {
                    releases += 1;
                    fleet.release(&format!("web:{releases}"));
                }
                Event::Fail(pools) => fleet.fail(&pools),
                Event::Dark(pools) => fleet.dark(&pools),
                Event::Restart => fleet.restart(),
            }
            let before = fleet.revisions();
            fleet.tick();
            check(&fleet, &before, &limits)?;
        }
        // All is well again, and a user releases what is good.
        fleet.fail(&[]);
        fleet.dark(&[]);
        fleet.release("web:good");
        fleet.until(|fleet| fleet.is_completed() && fleet.of_newest() == POOLS);
        fleet.until(|fleet| fleet.report().counts.settled == 7);
        let written = fleet.writes();
        for _ in 0..3 {
            fleet.tick();
        }
        prop_assert_eq!(fleet.writes(), written, "nothing is written any more");
    }
}
