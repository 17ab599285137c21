//! The witness's silence means something only if it speaks up when the updater plans by other rules than it should.

use jiff::SignedDuration;
use planner::rollout::{Met, RunPhase};
use planner::strategy::{Amount, Approval, Dependency, Scope, Selector, SlowStart, Strategy, Wave, Waves, Window};

use super::{Setup, World};
use crate::happening::{Happening, Stream};
use crate::release::{Effect, Release};

fn world(seed: u64, transcript: bool) -> World {
    let node = |n: usize| (format!("n{n:02}").into(), format!("p{}", n % 3).into());
    let strategy = Strategy {
        max_unavailable_per_pool: Some(Amount::Count(1)),
        slow_start: SlowStart::None,
        ..Strategy::implied(Amount::Count(3))
    };
    World::new(&Setup { transcript, ..Setup::of(seed, (0..12).map(node).collect(), strategy) })
}

fn template(release: Release) -> Happening {
    Happening::Template { daemon_set: "agent".into(), revision: "r2".into(), release }
}

/// The updater plans by other rules.
fn by(world: &mut World, tamper: fn(&mut Strategy)) {
    world.updater.as_mut().unwrap().tamper = Some(tamper);
}

/// What the witness says of a run whose updater was tampered with.
fn found(tamper: impl Fn(&mut World), release: &Release) -> String {
    let mut world = world(1, false);
    tamper(&mut world);
    world.happen(Happening::Offline(vec!["n01".into()]));
    world.schedule(SignedDuration::from_mins(3), Happening::Online(vec!["n01".into()]));
    world.schedule(SignedDuration::from_secs(90), template(release.clone()));
    world.run_until(SignedDuration::from_hours(1), |_| false);
    world.check().err().unwrap_or_default()
}

#[test]
fn a_lawful_updater_breaks_nothing() {
    assert_eq!(found(|_| {}, &Release::GOOD), "");
    assert_eq!(found(|_| {}, &Release::everywhere(Effect::Broken)), "");
}

#[test]
fn a_pool_budget_that_is_forgotten_is_found() {
    let found = found(|world| by(world, |strategy| strategy.max_unavailable_per_pool = None), &Release::GOOD);
    assert!(found.contains("are down in the pool"), "{found:?}");
}

#[test]
fn starts_on_nodes_that_have_just_returned_are_found() {
    let found = found(|world| world.timing.reachable_after = SignedDuration::ZERO, &Release::GOOD);
    assert!(found.contains("n01 is not reachable, and is restarted"), "{found:?}");
}

#[test]
fn slots_that_are_freed_before_units_settle_are_found() {
    let hasty = |world: &mut World| world.timing.node_monitor_grace = SignedDuration::from_secs(-10);
    let found = found(hasty, &Release::GOOD);
    assert!(found.contains("are down in the"), "{found:?}");
}

/// 12 nodes in three pools: p0 first, and each wave, window and dependency has its day.
fn in_waves() -> Strategy {
    let pools = |pool: &str| vec![pool.into()];
    let canary = Wave {
        pools: pools("p0"),
        max_unavailable: Some(Amount::Count(1)),
        soak: SignedDuration::from_hours(1),
        approval: Approval::AfterWave,
        ..Wave::named("canary")
    };
    let others = Wave {
        pools: vec!["p1".into(), "p2".into()],
        max_concurrent_pools: Some(Amount::Count(1)),
        ..Wave::named("others")
    };
    let gateway = Dependency {
        api_version: "apps/v1".into(),
        kind: "DaemonSet".into(),
        name: "gateway".into(),
        scope: Scope::AllPools,
    };
    Strategy {
        waves: Waves::new(vec![canary, others]).unwrap_or_else(|_| Waves::one()),
        windows: Window::new(planner::strategy::Effect::Allow, &[], "01:00", 10_800, "UTC", Selector::default())
            .into_iter()
            .collect(),
        depends_on: vec![gateway],
        slow_start: SlowStart::None,
        ..Strategy::implied(Amount::Percent(50))
    }
}

/// What the witness says of a run in waves whose updater plans by other rules.
fn found_in_waves(tamper: fn(&mut Strategy)) -> String {
    let node = |n: usize| (format!("n{n:02}").into(), format!("p{}", n % 3).into());
    let setup = Setup::of(1, (0..12).map(node).collect(), in_waves());
    let mut world = World::new(&Setup { named: true, approves: Some(SignedDuration::from_mins(30)), ..setup });
    by(&mut world, tamper);
    world.happen(template(Release::GOOD));
    for (minute, met) in [(45, Met::Yes), (55, Met::No), (70, Met::Yes)] {
        let news = Happening::Dependency { name: "gateway".into(), pools: Vec::new(), met };
        world.schedule(SignedDuration::from_mins(minute), news);
    }
    world.run_until(SignedDuration::from_hours(5), |_| false);
    let all_done = world.phase(0) == Some(RunPhase::Completed);
    world.check().err().unwrap_or_else(|| if all_done { String::new() } else { "it does not complete".to_owned() })
}

/// The same waves with the first of them changed.
fn canary(strategy: &mut Strategy, change: fn(&mut Wave)) {
    let mut named = strategy.waves.named().to_vec();
    change(&mut named[0]);
    strategy.waves = Waves::new(named).unwrap_or_else(|_| Waves::one());
}

/// What is changed of the rules, and what the witness says then.
type Forgotten = (fn(&mut Strategy), &'static str);

#[test]
fn every_rule_of_waves_that_is_forgotten_is_found() {
    let forgotten: [Forgotten; 9] = [
        (|_| {}, ""),
        (|strategy| strategy.waves = Waves::one(), "wave all opens where canary should"),
        (|strategy| canary(strategy, |wave| wave.pools = vec!["p1".into()]), "wave canary opens with pools"),
        (|strategy| canary(strategy, |wave| wave.soak = SignedDuration::ZERO), "canary, which has not soaked"),
        (|strategy| canary(strategy, |wave| wave.approval = Approval::None), "after wave canary without approval"),
        (|strategy| canary(strategy, |wave| wave.max_unavailable = None), "are down in the wave canary"),
        (
            |strategy| {
                let mut named = strategy.waves.named().to_vec();
                named[1].max_concurrent_pools = None;
                strategy.waves = Waves::new(named).unwrap_or_else(|_| Waves::one());
            },
            "are under change with the starts, 1 of the wave may be",
        ),
        (|strategy| strategy.windows.clear(), "outside of the windows of pool p0"),
        (|strategy| strategy.depends_on.clear(), "before gateway is up to date"),
    ];
    for (tamper, expected) in forgotten {
        let found = found_in_waves(tamper);
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{expected:?}: found {found:?}");
    }
}

#[test]
fn the_same_seed_tells_the_same_to_the_letter() {
    let tell = |seed| {
        let mut world = world(seed, true);
        let nodes = world.node_names();
        world.happen(Happening::Flap(nodes, SignedDuration::from_mins(5)));
        world.happen(template(Release::GOOD));
        world.schedule(SignedDuration::from_secs(70), Happening::KillUpdater(SignedDuration::from_secs(9)));
        world.schedule(SignedDuration::from_secs(200), Happening::Stall(Stream::Pods, SignedDuration::from_secs(99)));
        world.run_until(SignedDuration::from_hours(1), |_| false);
        (world.transcript.lines().join("\n"), world.summary)
    };
    let told = tell(7);
    assert_eq!(told, tell(7));
    assert_ne!(told.0, tell(8).0);
}
