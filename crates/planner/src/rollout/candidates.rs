//! Fifth pass: which units start now, inside every budget, and why each other one does not.

use jiff::{SignedDuration, Timestamp};

use super::gates::{Gates, Turn};
use super::run::{Outcome, Run};
use super::units::{Assessed, Fleet, Stage};
use super::waves::Waves;
use super::{DesiredState, Hold, Input, Refusal, Restart, Revisit, UnitKind, starts};
use crate::fleet::{Pod, Uid};
use crate::strategy::CatchUp;

/// A bookmark, which may be all that a watch shows once it is back, wakes nobody: so often is looked whether one came.
const LISTEN: SignedDuration = SignedDuration::from_secs(5);

/// What starts, and the holds of all others that are not at the revision.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) steps: Vec<Restart>,
    /// By index into the fleet's units.
    pub(super) holds: Vec<(usize, Hold)>,
    /// Units that are down, and count against the run, once these have started.
    pub(super) down: u32,
    /// Nothing starts or is under way because all that could start waits for this.
    pub(super) waits: Option<Hold>,
}

/// A unit that could start if the budgets allow.
pub(super) struct Candidate<'a> {
    /// Index into the fleet's units.
    pub(super) at: usize,
    pub(super) pod: &'a Pod,
    /// It is down already: starting it adds no disruption.
    pub(super) was_down: bool,
    order: Order,
}

/// Who goes first: pools whose turn it is, then broken units, then those that hold a slot already (neither adds to the
/// disruption), then by hash.
type Order = (Turn, bool, bool, u64);

/// Decides.
pub(super) fn choose(
    input: &Input<'_>,
    fleet: &Fleet<'_>,
    waves: &Waves<'_>,
    run: &Run,
    revisit: &mut Revisit,
) -> Choice {
    let mut choice = Choice { steps: Vec::new(), holds: Vec::new(), down: waves.down(&fleet.all), waits: None };
    let mut candidates = Vec::new();
    let stop = stop(input, run);
    if let Some(Hold::Refused { retry, .. }) = &stop {
        revisit.due(*retry);
    }
    if input.held.is_none() && input.is_stale() {
        revisit.due(input.now + LISTEN);
    }
    let mut gates = Gates::new(input, fleet, waves);
    let seed = seed(&input.target.revision);
    for (at, assessed) in fleet.units.iter().enumerate() {
        match candidate(input, assessed, waves, run, revisit) {
            Verdict::NothingToDo => {}
            Verdict::Held(hold) => choice.holds.push((at, hold)),
            Verdict::Candidate(pod) => {
                let gate = || waves.hold(assessed.pool).map_or_else(|| gates.turn(assessed.pool, revisit), Err);
                match stop.as_ref().map_or_else(gate, |hold| Err(told(input, run, hold))) {
                    Err(hold) => choice.holds.push((at, hold)),
                    Ok(turn) => {
                        let was_down = assessed.was_down;
                        let order = (turn, !was_down, !assessed.down, rank(seed, assessed.unit.node.uid));
                        candidates.push(Candidate { at, pod, was_down, order });
                    }
                }
            }
        }
    }
    // Of a thousand candidates a few start: only those need their place.
    let free = most_starts(input, fleet, waves, &candidates).min(candidates.len());
    if free > 0 && free < candidates.len() {
        candidates.select_nth_unstable_by_key(free, |candidate| candidate.order);
    }
    candidates[..free].sort_unstable_by_key(|candidate| candidate.order);
    starts::start(input, fleet, waves, &candidates, &mut choice);
    if candidates.is_empty() && fleet.all.unsettled == 0 {
        choice.waits = gates.first();
    }
    choice.holds.sort_unstable_by_key(|(at, _)| *at);
    choice
}

/// A reason to start nothing at all.
pub(super) fn stop(input: &Input<'_>, run: &Run) -> Option<Hold> {
    if let Some(hold) = &input.held {
        return Some(hold.clone());
    }
    match input.control.desired {
        DesiredState::Aborted => return Some(Hold::Aborted),
        DesiredState::Paused => return Some(Hold::Paused),
        DesiredState::Running => {}
    }
    if run.halt.is_some() {
        Some(Hold::Halted)
    } else if !input.target.observed {
        Some(Hold::NotObserved)
    } else if input.is_stale() {
        Some(Hold::Stale { since: input.view.heard })
    } else {
        run.doubt.map(|until| Hold::NodesLost { until })
    }
}

/// What stops the run, as a unit is told it: a pool hears which others failed.
fn told(input: &Input<'_>, run: &Run, stop: &Hold) -> Hold {
    match (stop, input.unit_kind, &run.halt) {
        (Hold::Halted, UnitKind::Pool, Some(halt)) => Hold::HaltedFor { evidence: halt.evidence.clone() },
        _ => stop.clone(),
    }
}

enum Verdict<'a> {
    /// At the newest revision, or on its way.
    NothingToDo,
    Held(Hold),
    Candidate(&'a Pod),
}

fn candidate<'a>(
    input: &Input<'_>,
    assessed: &Assessed<'a>,
    waves: &Waves<'_>,
    run: &Run,
    revisit: &mut Revisit,
) -> Verdict<'a> {
    let (node, pod) = match (assessed.stage, assessed.outcome) {
        (Stage::AtTarget, _) | (Stage::Terminating | Stage::Empty, Some(Outcome::Open)) => return Verdict::NothingToDo,
        (Stage::Old(pod), _) => (assessed.unit.node, Some(pod)),
        (Stage::Terminating | Stage::Empty, _) => (assessed.unit.node, None),
    };
    let hold = match node.link.ready_since() {
        None => Hold::Offline,
        Some(_) if node.cordoned => Hold::UnderMaintenance,
        Some(since) if !assessed.reachable => {
            let at: Timestamp = since + input.timing.reachable_after;
            revisit.due(at);
            Hold::Returning { at }
        }
        Some(_) if assessed.unit.claimed => Hold::NodeBusy,
        Some(_) if input.strategy.catch_up == CatchUp::Never && waves.missed(input, run, assessed) => Hold::NoCatchUp,
        Some(_) => match pod {
            Some(_) if let Some(hold) = refused(assessed, revisit) => hold,
            Some(pod) if !input.target.known.contains(&pod.revision) => {
                Hold::UnknownRevision { revision: pod.revision.clone() }
            }
            // Made since this run touched the unit: of a template that is newer than the run knows.
            Some(pod) if assessed.outcome.is_some() && !assessed.inherited => {
                Hold::UnknownRevision { revision: pod.revision.clone() }
            }
            Some(pod) => return Verdict::Candidate(pod),
            None if assessed.stage == Stage::Terminating => Hold::Terminating,
            None => Hold::NoPod,
        },
    };
    Verdict::Held(hold)
}

/// What its last start was refused with, until it is tried again.
fn refused(assessed: &Assessed<'_>, revisit: &mut Revisit) -> Option<Hold> {
    let Refusal { why, retry } = assessed.unit.refused?;
    (!revisit.due(retry)).then(|| Hold::Refused { why: why.to_owned(), retry })
}

/// No more units than this can start now, whatever their order: those that are down already, and as many others as the run
/// has slots free. With limits of pools, or candidates of several waves, a refusal says nothing of the next unit, so all
/// need their place.
fn most_starts(input: &Input<'_>, fleet: &Fleet<'_>, waves: &Waves<'_>, candidates: &[Candidate<'_>]) -> usize {
    let wave = |candidate: &Candidate<'_>| waves.of_pool[fleet.units[candidate.at].pool];
    let Some(first) = candidates.first().map(wave) else { return 0 };
    let limits_pools =
        input.strategy.max_unavailable_per_pool.is_some() || waves.list[first].rules.max_concurrent_pools.is_some();
    if limits_pools || candidates.iter().any(|candidate| wave(candidate) != first) {
        return candidates.len();
    }
    let allowed = input.strategy.max_unavailable.allowed(fleet.all.reachable);
    let down = candidates.iter().filter(|candidate| fleet.units[candidate.at].down).count();
    down + allowed.saturating_sub(waves.down(&fleet.all)) as usize
}

/// A unit's place in the order (rule 9): the same for every leader, another for each revision, so that it is not always
/// the same nodes that go first. FNV-1a with a final avalanche, as the low bytes of UIDs differ little.
fn rank(seed: u64, node: Uid) -> u64 {
    let hash = fnv1a(seed, &node.as_u128().to_be_bytes());
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

fn seed(revision: &str) -> u64 {
    fnv1a(0xcbf2_9ce4_8422_2325, revision.as_bytes())
}

fn fnv1a(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
