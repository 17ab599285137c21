//! What work beside a reconcile has to tell the next one.

use std::sync::{Arc, Mutex, PoisonError};

use api::fleet_rollout::FleetRolloutStatus;
use controller_runtime::lease::NotLeading;
use planner::rollout::Restart;

use crate::commit::Fate;

/// Letters of one kind, oldest first. Cheap to clone.
#[derive(Debug)]
pub(crate) struct Letters<T>(Arc<Mutex<Vec<T>>>);

/// How a delete ended that was not simply accepted.
pub(crate) type DeleteEnded = (Restart, Fate);

/// How writing a status ended: with what was written.
pub(crate) type StatusEnded = Result<Box<FleetRolloutStatus>, Unpublished>;

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unpublished {
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    #[error("writing the run's status")]
    Write(#[from] kube::Error),
}

impl<T> Clone for Letters<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Letters<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Letters<T> {
    pub(crate) fn leave(&self, letter: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
    }

    pub(crate) fn collect(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
