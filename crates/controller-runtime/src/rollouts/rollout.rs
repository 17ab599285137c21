//! A target's present run, between two looks.

use std::sync::Arc;
use std::time::Instant;

use api::fleet_rollout::{FleetRollout, FleetRolloutStatus, Phase};
use jiff::Timestamp;
use planner::fleet::Uid;
use planner::rollout::{Report, Run, RunPhase};

use super::Letters;
use super::letters::StatusEnded;
use super::rules::Rules;
use crate::mirror::Mirrored as _;

/// A target's present run, between two looks.
#[derive(Debug)]
pub struct Rollout {
    /// Its object, as far as it is known.
    pub object: Arc<FleetRollout>,
    /// When it began, by the API server's clock: its object may be another one by now, if somebody deleted the first.
    pub began: Timestamp,
    /// Its memory, which a plan takes and gives back.
    pub run: Run,
    /// How it goes.
    pub rules: Rules,
    /// The ControllerRevision of the last Completed run of another revision: where a rollback leads to.
    pub last_completed: Option<String>,
    /// The last plan's report.
    pub report: Option<Report>,
    /// The run failed, and what it changed is back at the last completed revision, while its target stays as it is.
    pub(super) rolled_back: bool,
    /// The status that was written last.
    pub(super) published: Option<FleetRolloutStatus>,
    /// One is being written.
    pub(super) publishing: bool,
    /// When it was last looked whether there is one to write.
    pub(super) looked_at: Option<Instant>,
    /// From writes of its status.
    pub(super) written: Letters<StatusEnded>,
}

impl Rollout {
    /// Whether a write of its status is under way: one that ends a run meanwhile would be undone. Its end wakes the target.
    pub fn is_publishing(&self) -> bool {
        self.publishing
    }

    /// Whether no plan was told of it yet, by this process or by one before it.
    pub fn is_unrecorded(&self) -> bool {
        self.published.is_none() && self.report.is_none()
    }

    /// Whether the status that was written says why the run halted, if it did.
    pub fn is_halt_told(&self) -> bool {
        let told = self.published.as_ref().and_then(|status| status.halt.as_ref()).map(|halt| halt.token.as_str());
        told == self.run.halt().map(|halt| halt.token.as_str())
    }

    /// Notes whether a look found everything that a failed run changed back. It stays so while the run's halt is in force, whether a
    /// later look can tell or not. Whether that is news.
    pub(super) fn note_rollback(&mut self, is_back: bool) -> bool {
        let is_told = self.published.as_ref().is_some_and(|status| status.phase == Phase::RolledBack);
        let was_back = self.run.halt().is_some() && (self.rolled_back || is_told && self.is_halt_told());
        self.rolled_back = was_back || is_back;
        is_back && !was_back
    }

    /// The phase that is told.
    pub(super) fn phase(&self, planned: RunPhase) -> Phase {
        if self.rolled_back { Phase::RolledBack } else { planned.into() }
    }
}

/// The UID of a run.
pub(super) fn uid(object: &FleetRollout) -> Uid {
    object.uid()
}

/// The UID of a run's target.
pub(super) fn target(object: &FleetRollout) -> Option<Uid> {
    object.belongs_to()
}
