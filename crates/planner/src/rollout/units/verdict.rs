//! What becomes of a unit: when its restart has failed, when its node is lost, and when what had settled fails after all.

use super::super::run::{Activation, Outcome, Track};
use super::super::{Input, Unit};
use super::Eyes;
use crate::fleet::Pod;

impl Eyes<'_, '_> {
    pub(super) fn verdict(&mut self, unit: &Unit<'_>, pod: Option<&Pod>, activation: &Activation) -> Outcome {
        if self.input.is_stale() {
            return Outcome::Open;
        }
        let Input { timing, strategy, .. } = self.input;
        let Some(node_ready) = unit.node.link.ready_since() else {
            let brake = activation.left.unwrap_or(self.input.now) + timing.brake;
            return if self.revisit.due(brake) { Outcome::Lost } else { Outcome::Open };
        };
        let trouble = pod.and_then(|pod| pod.trouble).map(|since| since.max(activation.at) + timing.failed_after);
        let late = activation.at.max(node_ready) + strategy.progress_deadline;
        let failed = trouble.is_some_and(|at| self.revisit.due(at)) | self.revisit.due(late);
        let missing = activation.absent.is_some_and(|since| self.revisit.due(since + timing.replacement_after));
        match (failed, missing) {
            (_, true) => Outcome::ReplacementMissing,
            (true, _) if activation.was_down => Outcome::PreExisting,
            (true, _) => Outcome::Failed,
            (false, false) => Outcome::Open,
        }
    }

    /// A lost unit whose node is back succeeds or fails as any other, only later: what was wrong with its pod while nobody could see
    /// it does not count. Until then it stays lost, without the slot that it lost. With a pool's workload Kubernetes goes on
    /// meanwhile: it is under way again.
    pub(super) fn verdict_on_lost(&mut self, unit: &Unit<'_>, pod: Option<&Pod>, activation: &Activation) -> Outcome {
        let Some(back) = unit.node.link.ready_since() else { return Outcome::Lost };
        let since_back = Activation { at: activation.at.max(back), ..activation.clone() };
        match self.verdict(unit, pod, &since_back) {
            Outcome::Open if !self.are_pools() => Outcome::Lost,
            verdict => verdict,
        }
    }

    /// A settled unit can still fail while it is exposed.
    pub(super) fn verdict_on_settled(&mut self, pod: Option<&Pod>, track: &Track) -> Outcome {
        let Input { now, timing, strategy, .. } = self.input;
        let trouble = pod.and_then(|pod| pod.trouble).filter(|_| track.is_exposed(*now, strategy.exposure));
        match trouble {
            Some(since) if !self.input.is_stale() && self.revisit.due(since + timing.failed_after) => Outcome::Failed,
            _ => Outcome::Settled,
        }
    }
}
