//! What work beside a reconcile has to tell the next one.

use std::sync::{Arc, Mutex, PoisonError};

use api::fleet_rollout::FleetRolloutStatus;

use crate::lease::NotLeading;

/// Letters of one kind, oldest first. Cheap to clone; all clones are one box.
#[derive(Debug)]
pub struct Letters<T>(Arc<Mutex<Vec<T>>>);

/// How writing a status ended: with what was written.
pub(super) type StatusEnded = Result<Box<FleetRolloutStatus>, Unpublished>;

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unpublished {
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
    /// Leaves one more.
    pub fn leave(&self, letter: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
    }

    /// Takes all of them.
    pub fn collect(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
