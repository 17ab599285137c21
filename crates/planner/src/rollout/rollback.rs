//! Rule 12: where a failed run goes back to.

use super::run::Run;
use super::{HaltReason, Hold, Input, candidates};
use crate::fleet::Name;
use crate::strategy::FailureAction;

/// The revision to bring the target's template back to: asked for anew by every plan until a newer revision is there. A run
/// that is itself a rollback is not rolled back, nor is one whose pods Kubernetes does not create: that is no fault of the
/// revision.
pub(super) fn to(input: &Input<'_>, run: &Run) -> Option<Name> {
    let halted = run.halt.as_ref().filter(|_| candidates::stop(input, run) == Some(Hold::Halted))?;
    if input.is_stale() || !input.target.observed || !may(input, halted.reason) {
        return None;
    }
    input.facts.last_completed.cloned()
}

/// Whether a halt for this reason leads back at all.
pub(super) fn may(input: &Input<'_>, reason: HaltReason) -> bool {
    let is_fault = match reason {
        HaltReason::Failures | HaltReason::NoSlotLeft | HaltReason::NodeLoss => true,
        // What was taken back and came back is somebody's will: who takes it back again fights him for ever.
        HaltReason::ReplacementMissing | HaltReason::Returned => false,
    };
    is_fault && input.strategy.action == FailureAction::Rollback && !input.facts.is_rollback
}
