//! Third pass: does anything halt the run?

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::run::{Outcome, Run};
use super::units::{Assessed, Fleet, Sums};
use super::waves::{Waves, failed_pools};
use super::{Away, Input, Revisit, UnitKind};
use crate::fleet::Name;

/// A halt: sticky across restarts and returns of the same revision. The token in `spec.resumeToken` or a new revision ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Halt {
    /// Why.
    pub reason: HaltReason,
    /// What `spec.resumeToken` must be to go on.
    pub token: String,
    /// What was seen, in a sentence.
    pub evidence: String,
    /// When.
    pub at: Timestamp,
}

/// What halted a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HaltReason {
    /// More units failed than the strategy allows.
    Failures,
    /// Failed units hold every slot: nothing can go on.
    NoSlotLeft,
    /// Kubernetes does not create the replacement of a deleted pod.
    ReplacementMissing,
    /// Nodes are lost more often where the release is.
    NodeLoss,
    /// The revision halted before and came back as it was.
    Returned,
}

impl HaltReason {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "Failures",
            Self::NoSlotLeft => "NoSlotLeft",
            Self::ReplacementMissing => "ReplacementMissing",
            Self::NodeLoss => "NodeLoss",
            Self::Returned => "Returned",
        }
    }
}

/// Halts the run if something is wrong with it.
pub(super) fn judge(input: &Input<'_>, fleet: &Fleet<'_>, waves: &Waves<'_>, run: &mut Run, revisit: &mut Revisit) {
    let found = reason(input, fleet, waves, run, revisit);
    if run.halt.is_none()
        && let Some((reason, evidence)) = found
    {
        run.halts += 1;
        run.halt = Some(Halt { reason, token: format!("halt-{}", run.halts), evidence, at: input.now });
    }
}

/// Fewer units of a wave than this give no verdict (rule 3): `minObserved`, or all there are. A pool stands for many nodes, and those
/// that are offline are to hold nobody: one that is reachable is enough.
pub(super) fn needed(input: &Input<'_>, wave: &Sums) -> u32 {
    match input.unit_kind {
        UnitKind::Node => input.strategy.min_observed.min(wave.eligible),
        UnitKind::Pool => wave.eligible.min(1),
    }
}

fn reason(
    input: &Input<'_>,
    fleet: &Fleet<'_>,
    waves: &Waves<'_>,
    run: &mut Run,
    revisit: &mut Revisit,
) -> Option<(HaltReason, String)> {
    let (failed, missing) = (run.failed - run.mark.failed, run.missing - run.mark.missing);
    if missing > 0 {
        let evidence =
            format!("{missing} deleted pods were not replaced by Kubernetes on Ready nodes (quota or admission?)");
        return Some((HaltReason::ReplacementMissing, evidence));
    }
    if failed > 0
        && let Some(found) = failures(input, fleet, waves, failed).or_else(|| no_slot_left(input, fleet, waves))
    {
        return Some(found);
    }
    node_loss(input, fleet, run, revisit).map(|evidence| (HaltReason::NodeLoss, evidence))
}

/// More failed than may: over the run, or at all in a wave that is too small to tolerate any (rule 3).
fn failures(input: &Input<'_>, fleet: &Fleet<'_>, waves: &Waves<'_>, failed: u32) -> Option<(HaltReason, String)> {
    let (strategy, all, units) = (input.strategy, &fleet.all, input.unit_kind.plural());
    let allowed = strategy.max_unavailable.allowed(all.reachable);
    let small = all.eligible < strategy.min_observed;
    let tolerated = if small { 0 } else { strategy.max_failures.tolerated(all.updated) };
    if failed > tolerated && all.updated >= strategy.min_observed.min(allowed).min(all.eligible) {
        let which = which(input, fleet, waves, None);
        let evidence = format!("{failed} of {} updated {units} failed{which}, {tolerated} may", all.updated);
        return Some((HaltReason::Failures, evidence));
    }
    let (at, too_small) = waves.list[..waves.opened].iter().enumerate().find(|(_, wave)| {
        let least = wave.sums.eligible.min(wave.allowed(input));
        wave.is_small(input) && wave.sums.failed > 0 && wave.sums.updated >= least
    })?;
    let (name, sums) = (&too_small.rules.name, &too_small.sums);
    let which = which(input, fleet, waves, Some(at));
    let evidence = format!("{} of the {} {units} of wave {name:?} failed{which}, none may", sums.failed, sums.eligible);
    Some((HaltReason::Failures, evidence))
}

/// As many pools are named that failed.
const NAMED: usize = 5;

/// The pools that failed, of one wave or all, in parentheses; nothing where units are nodes.
fn which(input: &Input<'_>, fleet: &Fleet<'_>, waves: &Waves<'_>, wave: Option<usize>) -> String {
    if input.unit_kind == UnitKind::Node {
        return String::new();
    }
    let failed = failed_pools(fleet, &waves.of_pool, waves.list.len());
    let mine = failed.into_iter().enumerate().filter(|(at, _)| wave.is_none_or(|wave| wave == *at));
    let mut pools: Vec<&Name> = mine.flat_map(|(_, pools)| pools).collect();
    pools.sort_unstable();
    let (named, more) = pools.split_at(pools.len().min(NAMED));
    let named = named.iter().map(|pool| &***pool).collect::<Vec<_>>().join(", ");
    match more.len() {
        0 if named.is_empty() => String::new(),
        0 => format!(" ({named})"),
        more => format!(" ({named} and {more} more)"),
    }
}

/// Failed units hold every slot of a scope: nothing can go on in it.
fn no_slot_left(input: &Input<'_>, fleet: &Fleet<'_>, waves: &Waves<'_>) -> Option<(HaltReason, String)> {
    let strategy = input.strategy;
    let full = |sums: &Sums, allowed: u32| allowed > 0 && sums.failed_down >= allowed;
    let found = |scope: String, allowed: u32| {
        Some((HaltReason::NoSlotLeft, format!("failed units hold all {allowed} slots of {scope}")))
    };
    let allowed = strategy.max_unavailable.allowed(fleet.all.reachable);
    if full(&fleet.all, allowed) {
        return found("the run".to_owned(), allowed);
    }
    if let Some(wave) = waves.list[..waves.opened].iter().find(|wave| full(&wave.sums, wave.allowed(input))) {
        return found(format!("wave {:?}", wave.rules.name), wave.allowed(input));
    }
    let per_pool = strategy.max_unavailable_per_pool?;
    let (pool, sums) = fleet.pools.iter().find(|(_, pool)| full(pool, per_pool.allowed(pool.reachable)))?;
    found(format!("pool {pool}"), per_pool.allowed(sums.reachable))
}

/// Rule 5: small samples, the test, and the backstop.
fn node_loss(input: &Input<'_>, fleet: &Fleet<'_>, run: &mut Run, revisit: &mut Revisit) -> Option<String> {
    let (strategy, timing) = (input.strategy, input.timing);
    if let Some(evidence) = small_sample(input, fleet, run) {
        return Some(evidence);
    }
    let gone = run.evidence.gone_for_good(input.now, timing.backstop, revisit);
    let lost = run.evidence.lost - run.mark.losses;
    let floor = strategy.min_observed.max(strategy.max_failures.tolerated(fleet.all.updated));
    // Two tests share the rate, so each has half of it.
    let threshold = 2.0 * 1000.0 / f64::from(strategy.false_halt_per_mille);
    if run.evidence.strength() >= threshold {
        return Some(format!("{lost} nodes left Ready after they got this revision, more than others do"));
    }
    (gone >= floor).then(|| {
        format!("{gone} nodes that got this revision are away for over {}", super::hold::span(timing.backstop))
    })
}

/// In a small fleet, or once most of a pool is exposed, the test has too few nodes to compare with. At least `minObserved`
/// exposed nodes away, and no fewer than are well with the revision, halt by themselves; not before the losses are known to
/// be no outage of a site. Until then nothing starts. A unit is well that has settled, and has been Ready on a Ready node
/// for longer than the first victim lasted: younger ones may only be waiting for the same end.
///
/// (rollouts.md asks that none has settled, and halts at once. A release that takes its node away two minutes after its pod
/// was Ready has settled everywhere by then: 15 of 15 nodes were lost. And three exposed nodes of a site that goes dark may
/// be the first that are seen.)
fn small_sample(input: &Input<'_>, fleet: &Fleet<'_>, run: &mut Run) -> Option<String> {
    run.doubt = None;
    let least = input.strategy.min_observed.max(1);
    if run.evidence.away.len() < least as usize {
        return None;
    }
    let lasted = |away: &Away| Some(away.at.duration_since(run.tracks.get(&away.node_uid)?.activation.at));
    let shortest = run.evidence.away.iter().filter_map(lasted).min().unwrap_or_default();
    let is_well = |unit: &&Assessed<'_>| {
        let ready = run.tracks.get(&unit.unit.node.uid).and_then(|track| track.activation.first_ready);
        unit.outcome == Some(Outcome::Settled)
            && unit.unit.node.link.ready_since().is_some()
            && ready.is_some_and(|since| since + shortest <= input.now)
    };
    let well = u32::try_from(fleet.units.iter().filter(is_well).count()).unwrap_or(u32::MAX);
    let (away, weighed) = run.evidence.away(well == 0);
    if weighed >= least.max(well) {
        let others = if well == 0 { "none is".to_owned() } else { format!("only {well} are") };
        return Some(format!("{weighed} nodes left Ready after they got this revision, and {others} well with it"));
    }
    run.doubt = run.evidence.next_close(input.timing.loss_window).filter(|_| away >= least.max(well));
    None
}
