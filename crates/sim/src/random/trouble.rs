//! What may come.

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::rollout::{DesiredState, Met};
use planner::strategy::Amount;

use super::strategy;
use crate::happening::{Happening, Stream};
use crate::release::{Effect, Place, Release};
use crate::rng::Rng;
use crate::world::World;

/// Fills the world's agenda. Returns when the last of it has come.
pub(super) fn stir(world: &mut World, rng: &mut Rng) -> SignedDuration {
    let nodes = world.node_names();
    let sets = world.daemon_set_names();
    let mut at = SignedDuration::ZERO;
    if rng.percent(50) {
        let every = secs(120 + rng.below(600));
        let share = 5 + rng.below(30);
        let flapping = nodes.iter().filter(|_| rng.percent(share)).cloned().collect();
        world.schedule(at, Happening::Flap(flapping, every));
    }
    for _ in 0..=rng.below(5) {
        for daemon_set in &sets {
            if rng.percent(80) {
                let revision = format!("r{}", 1 + rng.below(4)).into();
                let release = release(rng, &nodes);
                let template = Happening::Template { daemon_set: daemon_set.clone(), revision, release };
                world.schedule(at + secs(rng.below(60)), template);
            }
        }
        let longest = if rng.percent(50) { 400 } else { 3600 };
        let lasts = 30 + rng.below(longest);
        for _ in 0..rng.below(8) {
            let when = at + SignedDuration::from_millis(i64::try_from(rng.below(lasts * 1000)).unwrap_or_default());
            for (later, happening) in trouble(rng, &nodes, &sets) {
                world.schedule(when + later, happening);
            }
        }
        at += secs(lasts);
    }
    // The longest that something lasts by itself.
    at + secs(700)
}

fn trouble(rng: &mut Rng, nodes: &[Name], sets: &[Name]) -> Vec<(SignedDuration, Happening)> {
    let few = some(rng, nodes, 3);
    let many = some(rng, nodes, nodes.len());
    let daemon_set = sets[rng.index(sets.len())].clone();
    let now = SignedDuration::ZERO;
    let pause = secs(1 + rng.below(600));
    let edited = strategy::with_waves(rng);
    match rng.below(30) {
        0 | 1 => vec![(now, Happening::Offline(few.clone())), (pause, Happening::Online(few))],
        2 => vec![(now, Happening::Offline(many.clone())), (pause, Happening::Online(many))],
        3 => vec![(now, Happening::Offline(few))],
        4 => vec![(now, Happening::Cordon(few.clone())), (pause, Happening::Uncordon(few))],
        5 => vec![(now, Happening::Cordon(few))],
        6 => vec![(now, Happening::MarkForRemoval(few.clone())), (secs(20), Happening::Remove(few))],
        7 => vec![(now, Happening::Remove(few.clone())), (pause, Happening::Join(few, "p0".into()))],
        8 => vec![(now, Happening::Join(vec![format!("x{}", rng.below(100)).into()], "p1".into()))],
        9 | 10 => vec![(now, Happening::Evict(few))],
        11 => vec![(now, Happening::Fail(few))],
        12 => vec![(now, Happening::Spoil(few.clone())), (pause * 3, Happening::Mend(few))],
        13 => vec![(now, Happening::Hang(few.clone())), (pause, Happening::Unhang(few))],
        14 => vec![(now, Happening::Quota { full: true }), (pause / 3, Happening::Quota { full: false })],
        15 | 16 => vec![(now, Happening::KillUpdater(pause / 4))],
        17 => {
            let stream = Stream::ALL[rng.index(3)];
            vec![(now, Happening::Stall(stream, pause / 2))]
        }
        18 => vec![(now, Happening::RefuseDeletes(pause / 10))],
        19 => vec![(now, Happening::LoseAnswers(pause / 5))],
        20 => {
            let stop = if rng.percent(70) { DesiredState::Paused } else { DesiredState::Aborted };
            let on = Happening::Desire(daemon_set.clone(), DesiredState::Running);
            vec![(now, Happening::Desire(daemon_set, stop)), (pause, on)]
        }
        21 => vec![(now, Happening::Decide { daemon_set, wave: wave(rng), approved: false, approver: "bob".into() })],
        22 => vec![(now, Happening::Promote(daemon_set, wave(rng)))],
        23 => {
            let (pool, labels) = (format!("p{}", rng.below(6)).into(), strategy::some_labels(rng));
            vec![(now, Happening::Label(pool, labels))]
        }
        24 => vec![(now, Happening::Move(few, format!("p{}", rng.below(6)).into()))],
        25 => {
            let broken = Err("waves[0]: one of pools and poolSelector must be given".to_owned());
            vec![(now, Happening::Strategy(Box::new(broken))), (pause, Happening::Strategy(Box::new(Ok(edited))))]
        }
        26 => vec![(now, Happening::Annotate(daemon_set, rng.percent(50)))],
        27 | 28 => {
            let pools = if rng.percent(50) { Vec::new() } else { vec![format!("p{}", rng.below(5)).into()] };
            let met = [Met::Yes, Met::Yes, Met::No, Met::Unknown][rng.index(4)];
            vec![(now, Happening::Dependency { name: strategy::GATEWAY.into(), pools, met })]
        }
        _ if rng.percent(50) => vec![(now, Happening::Resume(daemon_set, "halt-1".to_owned()))],
        _ => vec![(now, Happening::Budget(daemon_set, Amount::Count(u32::from(rng.percent(70)) * 2)))],
    }
}

fn wave(rng: &mut Rng) -> Name {
    strategy::WAVES[rng.index(strategy::WAVES.len())].into()
}

fn release(rng: &mut Rng, nodes: &[Name]) -> Release {
    let effect = match rng.below(12) {
        0 => Effect::Broken,
        1 => Effect::Unready,
        2 => Effect::Flaky(secs(20 + rng.below(400))),
        3 => Effect::Killing(secs(2 + rng.below(20))),
        4 => Effect::Killing(secs(60 + rng.below(300))),
        5 => Effect::Slow(secs(30 + rng.below(300))),
        _ => Effect::Good,
    };
    let place = match rng.below(4) {
        0 => Place::Every(2 + rng.below(8)),
        1 => Place::Pool(format!("p{}", rng.below(3)).into()),
        2 => Place::Nodes(some(rng, nodes, 3)),
        _ => Place::Everywhere,
    };
    Release { effect, place }
}

fn some(rng: &mut Rng, nodes: &[Name], most: usize) -> Vec<Name> {
    let mut some: Vec<_> = (0..=rng.index(most)).map(|_| nodes[rng.index(nodes.len())].clone()).collect();
    some.sort();
    some.dedup();
    some
}

fn secs(secs: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(secs).unwrap_or_default())
}
