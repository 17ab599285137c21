//! What work beside a reconcile has to tell the next one.

use std::sync::{Arc, Mutex, PoisonError};

use api::fleet_rollout::FleetRolloutStatus;
use controller_runtime::lease::NotLeading;
use planner::rollout::Restart;

use crate::commit::Fate;

/// Letters to a run, oldest first. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letters(Arc<Mutex<Vec<Letter>>>);

/// How something ended that ran beside the reconcile.
#[derive(Debug)]
pub(crate) enum Letter {
    /// A delete that was not simply accepted.
    Delete(Restart, Fate),
    /// The status was written.
    Published(Box<FleetRolloutStatus>),
    /// It was not.
    Unpublished(Unpublished),
}

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unpublished {
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    #[error("writing the run's status")]
    Write(#[from] kube::Error),
}

impl Letters {
    pub(crate) fn leave(&self, letter: Letter) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
    }

    pub(crate) fn collect(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
