//! Fourth pass: which units start now, inside every budget, and why each other one does not.

use jiff::Timestamp;

use super::run::{Outcome, Run};
use super::units::{Assessed, Fleet, Stage, Sums};
use super::{DesiredState, Hold, Input, Restart, Revisit};
use crate::fleet::{Pod, Uid};
use crate::strategy::{CatchUp, SlowStart};

/// What starts, and the holds of all others that are not at the revision.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) steps: Vec<Restart>,
    /// By index into the fleet's units.
    pub(super) holds: Vec<(usize, Hold)>,
    /// Units that are down once these have started.
    pub(super) down: u32,
}

/// A unit that could start if the budgets allow.
struct Candidate<'a> {
    at: usize,
    pod: &'a Pod,
    /// It is down already: starting it adds no disruption.
    was_down: bool,
}

/// Budgets, with what was started in this plan counted in.
struct Scope {
    name: &'static str,
    allowed: u32,
    down: u32,
    unsettled_were_down: u32,
}

/// Decides.
pub(super) fn choose(input: &Input<'_>, fleet: &Fleet<'_>, run: &Run, revisit: &mut Revisit) -> Choice {
    let mut choice = Choice { steps: Vec::new(), holds: Vec::new(), down: fleet.all.down };
    let mut candidates = Vec::new();
    let stop = stop(input, run);
    if let Some(Hold::Refused { retry, .. }) = &stop {
        revisit.due(*retry);
    }
    for (at, assessed) in fleet.units.iter().enumerate() {
        match candidate(input, assessed, run, revisit) {
            Verdict::NothingToDo => {}
            Verdict::Held(hold) => choice.holds.push((at, hold)),
            Verdict::Candidate(pod) => {
                if let Some(hold) = &stop {
                    choice.holds.push((at, hold.clone()));
                    continue;
                }
                candidates.push(Candidate { at, pod, was_down: !assessed.ready });
            }
        }
    }
    // Broken ones first, then those that hold a slot already: neither adds to the disruption.
    let seed = seed(&input.target.revision);
    let order = |c: &Candidate<'_>| {
        let unit = &fleet.units[c.at];
        (!c.was_down, !unit.down, rank(seed, unit.unit.node.uid))
    };
    // Of a thousand candidates a few start: only those need their place.
    let free = most_starts(input, fleet, &candidates).min(candidates.len());
    if free > 0 && free < candidates.len() {
        candidates.select_nth_unstable_by_key(free, order);
    }
    candidates[..free].sort_unstable_by_key(order);
    start(input, fleet, run, &candidates, &mut choice);
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
        None
    }
}

enum Verdict<'a> {
    /// At the newest revision, or on its way.
    NothingToDo,
    Held(Hold),
    Candidate(&'a Pod),
}

fn candidate<'a>(input: &Input<'_>, assessed: &Assessed<'a>, run: &Run, revisit: &mut Revisit) -> Verdict<'a> {
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
        Some(_) if run.wave.succeeded.is_some() && input.strategy.catch_up == CatchUp::Never => Hold::NoCatchUp,
        Some(_) => match pod {
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

fn start(input: &Input<'_>, fleet: &Fleet<'_>, run: &Run, candidates: &[Candidate<'_>], choice: &mut Choice) {
    let strategy = input.strategy;
    let mut scopes = vec![Scope::new("run", strategy.max_unavailable.allowed(fleet.all.reachable), &fleet.all)];
    if run.wave.succeeded.is_some() {
        let allowed = strategy.catch_up_max_unavailable.allowed(fleet.all.reachable);
        scopes.push(Scope::new("catch-up", allowed, &fleet.all));
    }
    let shared = scopes.len();
    if let Some(amount) = strategy.max_unavailable_per_pool {
        scopes.extend(fleet.pools.iter().map(|(_, sums)| Scope::new("pool", amount.allowed(sums.reachable), sums)));
    }
    let limit = match strategy.slow_start {
        SlowStart::Doubling => strategy.min_observed.max(fleet.all.settled).max(1),
        SlowStart::None => u32::MAX,
    };
    let mut unsettled = fleet.all.unsettled;
    for candidate in candidates {
        let assessed = &fleet.units[candidate.at];
        let of_pool = shared + assessed.pool;
        let mine = || (0..shared).chain((of_pool < scopes.len()).then_some(of_pool));
        let refusal = mine().find_map(|at| scopes[at].refusal(assessed, candidate.was_down));
        let slow = (unsettled >= limit).then_some(Hold::SlowStart { unsettled, limit });
        if let Some(hold) = refusal.or(slow) {
            choice.holds.push((candidate.at, hold));
            continue;
        }
        unsettled += 1;
        mine().for_each(|at| scopes[at].start(assessed, candidate.was_down));
        let node = assessed.unit.node;
        choice.steps.push(Restart {
            node: node.name.clone(),
            node_uid: node.uid,
            pool: node.pool.clone(),
            pod: candidate.pod.name.clone(),
            pod_uid: candidate.pod.uid,
            was_down: candidate.was_down,
        });
    }
    choice.down = scopes[0].down;
}

impl Scope {
    fn new(name: &'static str, allowed: u32, sums: &Sums) -> Self {
        Self { name, allowed, down: sums.down, unsettled_were_down: sums.unsettled_were_down }
    }

    /// Rule 1: healthy units start only while down + starts ≤ allowed; units that are down already add nothing, but at most
    /// `allowed` of them are under way.
    fn refusal(&self, unit: &Assessed<'_>, was_down: bool) -> Option<Hold> {
        let &Self { name: scope, allowed, down, unsettled_were_down } = self;
        if allowed == 0 {
            return Some(Hold::NoBudget { scope });
        }
        let (used, full) = if was_down {
            (unsettled_were_down, unsettled_were_down >= allowed)
        } else {
            (down, down + u32::from(!unit.down) > allowed)
        };
        full.then_some(Hold::Budget { scope, down: used, allowed })
    }

    fn start(&mut self, unit: &Assessed<'_>, was_down: bool) {
        self.down += u32::from(!unit.down);
        self.unsettled_were_down += u32::from(was_down);
    }
}

/// No more units than this can start now, whatever their order: those that are down already, and as many others as the run
/// has slots free. With budgets of pools a refusal says nothing of the next unit, so all need their place.
fn most_starts(input: &Input<'_>, fleet: &Fleet<'_>, candidates: &[Candidate<'_>]) -> usize {
    if input.strategy.max_unavailable_per_pool.is_some() {
        return candidates.len();
    }
    let allowed = input.strategy.max_unavailable.allowed(fleet.all.reachable);
    let down = candidates.iter().filter(|candidate| fleet.units[candidate.at].down).count();
    down + allowed.saturating_sub(fleet.all.down) as usize
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
