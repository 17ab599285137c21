//! Third pass: does anything halt the run, and is its wave done?

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::run::Run;
use super::units::Fleet;
use super::{Input, Revisit};

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
}

impl HaltReason {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "Failures",
            Self::NoSlotLeft => "NoSlotLeft",
            Self::ReplacementMissing => "ReplacementMissing",
            Self::NodeLoss => "NodeLoss",
        }
    }
}

/// Halts the run, or sees its wave opened and done.
pub(super) fn judge(input: &Input<'_>, fleet: &Fleet<'_>, run: &mut Run, revisit: &mut Revisit) {
    let found = reason(input, fleet, run, revisit);
    if run.halt.is_none()
        && let Some((reason, evidence)) = found
    {
        run.halts += 1;
        run.halt = Some(Halt { reason, token: format!("halt-{}", run.halts), evidence, at: input.now });
    }
    if input.target.observed && run.halt.is_none() {
        run.wave.opened.get_or_insert(input.now);
        if run.wave.succeeded.is_none() && has_succeeded(input, fleet, revisit) {
            run.wave.succeeded = Some(input.now);
        }
    }
}

/// Fewer units than this give no verdict (rule 3): `minObserved`, or all there are.
pub(super) fn needed(input: &Input<'_>, fleet: &Fleet<'_>) -> u32 {
    input.strategy.min_observed.min(fleet.all.eligible)
}

/// Every reachable unit is settled, or has a verdict within the allowance (more would have halted).
fn has_succeeded(input: &Input<'_>, fleet: &Fleet<'_>, revisit: &mut Revisit) -> bool {
    let all = &fleet.all;
    let seen = all.settled + all.failed + all.pre_existing;
    revisit.due(input.view.since + input.timing.reachable_after) && all.undone == 0 && seen >= needed(input, fleet)
}

fn reason(input: &Input<'_>, fleet: &Fleet<'_>, run: &Run, revisit: &mut Revisit) -> Option<(HaltReason, String)> {
    let (all, strategy) = (&fleet.all, input.strategy);
    let (failed, missing) = (run.failed - run.mark.failed, run.missing - run.mark.missing);
    let allowed = strategy.max_unavailable.allowed(all.reachable);
    let small = all.eligible < strategy.min_observed;
    let tolerated = if small { 0 } else { strategy.max_failures.tolerated(all.updated) };
    if missing > 0 {
        let evidence =
            format!("{missing} deleted pods were not replaced by Kubernetes on Ready nodes (quota or admission?)");
        return Some((HaltReason::ReplacementMissing, evidence));
    }
    if failed > tolerated && all.updated >= strategy.min_observed.min(allowed) {
        let evidence = format!("{failed} of {} updated units failed, {tolerated} may", all.updated);
        return Some((HaltReason::Failures, evidence));
    }
    let full = |down: u32, allowed: u32| allowed > 0 && down >= allowed;
    if failed > 0 && full(all.failed_down, allowed) {
        let evidence = format!("failed units hold all {allowed} slots of the run");
        return Some((HaltReason::NoSlotLeft, evidence));
    }
    if let Some(per_pool) = strategy.max_unavailable_per_pool {
        let stuck = fleet.pools.iter().find(|(_, pool)| full(pool.failed_down, per_pool.allowed(pool.reachable)));
        if let Some((pool, sums)) = stuck.filter(|_| failed > 0) {
            let evidence = format!("failed units hold all {} slots of pool {pool}", sums.failed_down);
            return Some((HaltReason::NoSlotLeft, evidence));
        }
    }
    node_loss(input, fleet, run, revisit).map(|evidence| (HaltReason::NodeLoss, evidence))
}

/// Rule 5: the test, small samples, and the backstop.
fn node_loss(input: &Input<'_>, fleet: &Fleet<'_>, run: &Run, revisit: &mut Revisit) -> Option<String> {
    let (strategy, timing, settled) = (input.strategy, input.timing, fleet.all.settled);
    let gone = run.evidence.gone_for_good(input.now, timing.backstop, revisit);
    let lost = run.evidence.lost - run.mark.losses;
    let floor = strategy.min_observed.max(strategy.max_failures.tolerated(fleet.all.updated));
    // Two tests share the rate, so each has half of it.
    let threshold = 2.0 * 1000.0 / f64::from(strategy.false_halt_per_mille);
    if lost >= strategy.min_observed && settled == 0 {
        return Some(format!("{lost} nodes left Ready after they got this revision, and none settled on it"));
    }
    if run.evidence.strength() >= threshold {
        return Some(format!("{lost} nodes left Ready after they got this revision, more than others do"));
    }
    (u32::try_from(gone).unwrap_or(u32::MAX) >= floor).then(|| {
        format!("{gone} nodes that got this revision are away for over {}", super::hold::span(timing.backstop))
    })
}
