//! The witness's silence means something only if it speaks up when the updater plans by other rules than it should.

use jiff::SignedDuration;
use planner::strategy::{Amount, SlowStart, Strategy};

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
