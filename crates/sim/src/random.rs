//! Worlds made from a seed: fleets, strategies, releases and faults as they come. Each ends by healing everything and
//! asking for one good release: it has to reach every node, and then all has to be quiet.

mod strategy;
mod trouble;

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::rollout::{Met, RunPhase};

use crate::happening::Happening;
use crate::release::Release;
use crate::rng::Rng;
use crate::world::{Setup, Summary, World};

/// A broken rule in the world of one seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: {rule}")]
pub struct Failure {
    /// The seed that replays it.
    pub seed: u64,
    /// What was broken.
    pub rule: String,
}

/// The last release must be everywhere so long after all has healed: the slowest strategies move one unit at a time, and a
/// unit of a superseded run may hold its slot until the progress deadline. Windows and soaks multiply that.
const PATIENCE: SignedDuration = SignedDuration::from_hours(72);

/// After a run the last units leave exposure; then nothing is written any more.
const WIND_DOWN: SignedDuration = SignedDuration::from_mins(30);

/// So long nothing may happen.
const QUIET: SignedDuration = SignedDuration::from_hours(2);

/// Lets the world of this seed happen and judges it. The world is handed in so that its transcript can be read even when
/// a plan panics half-way.
pub fn play(seed: u64, world: &mut World) -> Result<Summary, Failure> {
    let fail = |rule: String| Failure { seed, rule };
    let mut rng = Rng::new(seed ^ 0x5eed);
    let end = trouble::stir(world, &mut rng);
    world.run_until(end, |_| false);
    world.check().map_err(fail)?;
    heal(world);
    let sets = world.daemon_set_names();
    for daemon_set in &sets {
        let (daemon_set, revision) = (daemon_set.clone(), Name::from("last"));
        world.happen(Happening::Template { daemon_set, revision, release: Release::GOOD });
    }
    let healed = world.elapsed();
    let halts = world.summary.halts.len();
    let everywhere = |world: &World| {
        (0..sets.len()).all(|set| {
            let at_last = |(_, at): &(Name, Option<Name>)| at.as_deref() == Some("last");
            world.phase(set) == Some(RunPhase::Completed) && world.revisions(set).iter().all(at_last)
        })
    };
    let done = world.run_until(healed + PATIENCE, everywhere);
    world.check().map_err(fail)?;
    if done.is_none() {
        let phases: Vec<_> = (0..sets.len()).map(|set| world.phase(set)).collect();
        return Err(fail(format!("a good release on healthy nodes does not reach all of them: {phases:?}")));
    }
    world.run_until(world.elapsed() + WIND_DOWN, |_| false);
    let before = world.summary.clone();
    world.run_until(world.elapsed() + QUIET, |_| false);
    world.check().map_err(fail)?;
    let after = &world.summary;
    if (after.restarts, after.status_writes) != (before.restarts, before.status_writes) {
        return Err(fail(format!("not quiet in the end: {before:?}, later {after:?}")));
    }
    if after.halts.len() > halts {
        return Err(fail(format!("a good release on healthy nodes halts: {:?}", after.halts)));
    }
    Ok(world.summary.clone())
}

/// The world of a seed, before anything happens.
pub fn setup(seed: u64, transcript: bool) -> Setup {
    let mut rng = Rng::new(seed);
    let count = 4 + rng.below(if rng.clone().percent(20) { 60 } else { 25 });
    let pools = 1 + rng.below(5);
    let node = |n: u64| {
        let pool = if n % 13 == 12 { String::new() } else { format!("p{}", n % pools) };
        (Name::from(format!("n{n:02}")), Name::from(pool))
    };
    let nodes = (0..count).map(node).collect();
    let mut daemon_sets =
        vec![("agent".into(), SignedDuration::from_secs(10).saturating_mul(i32::from(rng.percent(20))))];
    if rng.percent(20) {
        daemon_sets.push(("logger".into(), SignedDuration::ZERO));
    }
    let named = rng.percent(60);
    let strategy = if named { strategy::with_waves(&mut rng) } else { strategy::plain(&mut rng) };
    Setup {
        daemon_sets,
        pools: strategy::labels(&mut rng),
        named,
        approves: Some(SignedDuration::from_secs(i64::try_from(rng.below(1200)).unwrap_or_default())),
        transcript,
        ..Setup::of(seed, nodes, strategy)
    }
}

/// Everything that was broken works again.
fn heal(world: &mut World) {
    let nodes = world.node_names();
    for happening in [
        Happening::Calm,
        Happening::Reboot(nodes.clone()),
        Happening::Online(nodes.clone()),
        Happening::Uncordon(nodes.clone()),
        Happening::Mend(nodes.clone()),
        Happening::Unhang(nodes),
        Happening::Quota { full: false },
    ] {
        world.happen(happening);
    }
    for daemon_set in world.daemon_set_names() {
        let amount = world.strategy().max_unavailable;
        world.happen(Happening::Budget(daemon_set, amount));
    }
    world.happen(Happening::Strategy(Box::new(Ok(world.strategy().clone()))));
    world.happen(Happening::Dependency { name: strategy::GATEWAY.into(), pools: Vec::new(), met: Met::Yes });
}
