//! Whatever the strategy, the releases and the pools that fail or are away: what may never happen does not, and in the end every pool
//! that can has the revision.

use std::collections::{BTreeMap, BTreeSet};

use planner::rollout::{DesiredState, PoolReport, RunPhase};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use super::fleet::Fleet;

const POOLS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

/// Within so many seconds everything has its verdict that can get one.
const QUIET: usize = 60;

/// Something that happens before a second passes.
#[derive(Debug, Clone)]
enum Event {
    Nothing,
    Release,
    Fail(Vec<&'static str>),
    Dark(Vec<&'static str>),
    /// To the revision before the newest.
    Pin(Vec<&'static str>),
    /// All pools but these are chosen.
    Leave(Vec<&'static str>),
    Label(Vec<&'static str>),
    Refuse(Vec<&'static str>),
    Pause(bool),
    Restart,
}

/// What was done to a fleet.
struct Story {
    fleet: Fleet,
    /// Of each wave.
    limits: BTreeMap<String, u64>,
    releases: u32,
    /// The revisions, oldest first.
    revisions: Vec<String>,
    /// Pools that are pinned, and such as are left out.
    pinned: Vec<&'static str>,
    left: Vec<&'static str>,
    /// Pools that were one or the other since the last release.
    disturbed: BTreeSet<&'static str>,
}

fn some_pools() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(POOLS.to_vec(), 0..4)
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        16 => Just(Event::Nothing),
        2 => Just(Event::Release),
        1 => some_pools().prop_map(Event::Fail),
        1 => some_pools().prop_map(Event::Dark),
        2 => some_pools().prop_map(Event::Pin),
        2 => some_pools().prop_map(Event::Leave),
        1 => some_pools().prop_map(Event::Label),
        1 => some_pools().prop_map(Event::Refuse),
        1 => any::<bool>().prop_map(Event::Pause),
        1 => Just(Event::Restart),
    ]
}

/// A strategy with up to two named waves: of so many pools the first, or of those with a label; of so many the second; and the limits
/// of both.
fn strategy() -> impl Strategy<Value = Option<Value>> {
    let limit = || prop_oneof![Just(None), (1..4_u32).prop_map(Some)];
    let waves = (0..4_usize, 1..3_usize, limit(), limit());
    let policies = (any::<bool>(), any::<bool>(), any::<bool>());
    let given = (waves, policies).prop_map(|((first, second, one, other), (tolerant, rollback, proceed))| {
        let first = first.saturating_sub(1);
        let wave = |name: &str, pools: &[&str], limit: Option<u32>| {
            let mut wave = json!({"name": name, "onInconclusive": if proceed { "Proceed" } else { "Hold" }});
            if pools.is_empty() {
                wave["poolSelector"] = json!({"matchLabels": {"tier": "lab"}});
            } else {
                wave["pools"] = json!(pools);
            }
            if let Some(limit) = limit {
                wave["maxConcurrentPools"] = limit.into();
            }
            wave
        };
        let waves = [wave("one", &POOLS[..first], one), wave("other", &POOLS[first..=first + second], other)];
        let failures = json!({
            "maxFailures": if tolerant { "50%" } else { "0%" }, "minObserved": if tolerant { 1 } else { 3 },
            "action": if rollback { "Rollback" } else { "Pause" },
        });
        Some(json!({"waves": waves, "failurePolicy": failures}))
    });
    let one = Just(Some(json!({"failurePolicy": {"maxFailures": 1, "action": "Rollback"}})));
    prop_oneof![1 => Just(None), 1 => one, 6 => given]
}

/// The limits of the waves, by name.
fn limits(strategy: Option<&Value>) -> BTreeMap<String, u64> {
    let waves = strategy.and_then(|strategy| strategy["waves"].as_array());
    let limit = |wave: &Value| Some((wave["name"].as_str()?.to_owned(), wave["maxConcurrentPools"].as_u64()?));
    waves.into_iter().flatten().filter_map(limit).collect()
}

impl Story {
    fn new(strategy: Option<&Value>) -> Self {
        let fleet = Fleet::new(&POOLS, strategy.cloned());
        let limits = limits(strategy);
        Self {
            fleet,
            limits,
            releases: 1,
            revisions: Vec::new(),
            pinned: Vec::new(),
            left: Vec::new(),
            disturbed: BTreeSet::new(),
        }
    }

    fn happen(&mut self, event: Event) {
        let fleet = &mut self.fleet;
        match event {
            Event::Nothing => {}
            Event::Release => {
                self.releases += 1;
                fleet.release(&format!("web:{}", self.releases));
                self.disturbed = self.pinned.iter().chain(&self.left).copied().collect();
            }
            Event::Fail(pools) => fleet.fail(&pools),
            Event::Dark(pools) => fleet.dark(&pools),
            Event::Pin(pools) => {
                let [.., older, _] = &*self.revisions else { return };
                fleet.pin(&pools.iter().map(|pool| ((*pool).to_owned(), json!(older))).collect());
                self.disturbed.extend(&pools);
                self.pinned = pools;
            }
            Event::Leave(pools) => {
                let others: Vec<_> = POOLS.into_iter().filter(|pool| !pools.contains(pool)).collect();
                fleet.choose(&others);
                self.disturbed.extend(&pools);
                self.left = pools;
            }
            Event::Label(pools) => {
                fleet.relabel(&POOLS, []);
                fleet.relabel(&pools, [("tier", "lab")]);
            }
            Event::Refuse(pools) => fleet.refuse(&pools),
            Event::Pause(paused) => {
                fleet.control.desired = if paused { DesiredState::Paused } else { DesiredState::Running };
            }
            Event::Restart => fleet.restart(),
        }
    }

    /// A second passes, in which nothing may be that never may.
    fn tick(&mut self) -> Result<(), TestCaseError> {
        let succeeded = |fleet: &Fleet| {
            let waves = fleet.run().waves().iter().filter(|wave| wave.succeeded.is_some());
            waves.map(|wave| wave.name.clone()).collect::<BTreeSet<_>>()
        };
        let (before, done) = (self.fleet.revisions(), succeeded(&self.fleet));
        self.fleet.tick();
        let (fleet, newest) = (&self.fleet, self.fleet.newest());
        let is_another = self.revisions.last() != Some(&newest);
        if is_another {
            self.revisions.push(newest.clone());
        }
        let started: Vec<_> = fleet.of_newest().into_iter().filter(|pool| before.get(*pool) != Some(&newest)).collect();
        self.check_starts(&started)?;
        // A canary that proves nothing releases nothing.
        for wave in fleet.run().waves() {
            let is_new = wave.succeeded.is_some() && (is_another || !done.contains(&wave.name));
            let has_proof =
                |pool: &String| fleet.of_newest().contains(&pool.as_str()) && !fleet.under_change().contains(pool);
            let is_proved = wave.pools.is_empty() || wave.inconclusive || wave.pools.iter().any(has_proof);
            prop_assert!(!is_new || is_proved, "no pool of {wave:?} has settled");
        }
        Ok(())
    }

    fn check_starts(&self, started: &[&str]) -> Result<(), TestCaseError> {
        let fleet = &self.fleet;
        let report = fleet.report();
        let wave_of =
            |pool: &str| report.pools.iter().find(|known| *known.pool == *pool).map(|known| known.wave.clone());
        let is_stopped = fleet.control.desired == DesiredState::Paused || fleet.run().halt().is_some();
        prop_assert!(started.is_empty() || !is_stopped, "{started:?} start though nothing may: {}", report.sentence);
        for pool in started {
            let wave = wave_of(pool);
            let place = fleet.run().waves().iter().position(|open| wave.as_deref() == Some(&*open.name));
            prop_assert!(place.is_some() || fleet.run().completed_at().is_some(), "{pool} starts before {wave:?}");
            let earlier = &fleet.run().waves()[..place.unwrap_or(0)];
            prop_assert!(earlier.iter().all(|wave| wave.succeeded.is_some()), "{pool} starts too early");
            prop_assert!(fleet.is_lit(pool), "{pool} is dark, and starts");
        }
        for (wave, limit) in &self.limits {
            // A pool that failed, or is dark for long, has freed its slot; one that is no unit, or was none, has none.
            let is_busy = |pool: &String| {
                let is_mine =
                    |known: &PoolReport| *known.pool == **pool && *known.wave == **wave && known.counts.failed == 0;
                report.pools.iter().any(is_mine) && fleet.is_changing(pool) && !self.disturbed.contains(pool.as_str())
            };
            let busy: Vec<_> = fleet.under_change().into_iter().filter(is_busy).collect();
            let starts = started.iter().filter(|pool| wave_of(pool).as_deref() == Some(wave)).count();
            prop_assert!(starts == 0 || busy.len() as u64 <= *limit, "{busy:?} are under change, {limit} may be");
        }
        // Nothing is replaced twice for a revision, unless it went back in between.
        if report.phase != RunPhase::Halted && !fleet.went_back {
            let twice = fleet.restarts_since_release().into_iter().filter(|(_, count)| *count > 1);
            let twice: Vec<_> = twice.filter(|(pool, _)| !self.disturbed.contains(pool.as_str())).collect();
            prop_assert!(twice.is_empty(), "{twice:?}");
        }
        Ok(())
    }

    /// What stands still says why.
    fn check_rest(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..QUIET {
            self.tick()?;
            if self.fleet.report().phase != RunPhase::Progressing {
                return Ok(());
            }
        }
        let report = self.fleet.report();
        Err(TestCaseError::fail(format!("{} {:?}", report.sentence, report.pools)))
    }

    /// All is well again, and a user releases what is good.
    fn check_end(&mut self) -> Result<(), TestCaseError> {
        let fleet = &mut self.fleet;
        fleet.fail(&[]);
        fleet.dark(&[]);
        fleet.refuse(&[]);
        fleet.pin(&json!({}));
        fleet.choose(&POOLS);
        fleet.control.desired = DesiredState::Running;
        fleet.release("web:good");
        fleet.until(|fleet| fleet.is_completed() && fleet.of_newest() == POOLS);
        fleet.until(|fleet| fleet.report().counts.settled == 7);
        let written = fleet.writes();
        for _ in 0..3 {
            fleet.tick();
        }
        prop_assert_eq!(fleet.writes(), written, "nothing is written any more");
        Ok(())
    }
}

/// The same cases each time, unless `PROPTEST_RNG_SEED` asks for others.
fn config() -> ProptestConfig {
    let given = ProptestConfig::default();
    let rng_seed = if given.rng_seed == RngSeed::Random { RngSeed::Fixed(6) } else { given.rng_seed };
    ProptestConfig { cases: 16, failure_persistence: None, rng_seed, ..given }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_sequence_of_events_keeps_the_rules_and_ends_well(strategy in strategy(), events in prop::collection::vec(event(), 1..60)) {
        let mut story = Story::new(strategy.as_ref());
        for event in events {
            story.happen(event);
            story.tick()?;
        }
        // Without a strategy verdicts take their time.
        if strategy.is_some() {
            story.check_rest()?;
        }
        story.check_end()?;
    }
}
