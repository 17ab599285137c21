//! Why a run could not be brought forward.

use super::AskError;
use crate::lease::NotLeading;
use crate::queue::{Disposition, ReconcileError};

/// Why a run could not be brought forward.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its object was not made.
    #[error("creating the run's FleetRollout")]
    Create(#[source] kube::Error),
    /// The RolloutStrategy that its target names was not read.
    #[error("reading the run's RolloutStrategy")]
    Strategy(#[source] kube::Error),
    /// The strategy was not written into its object.
    #[error("giving the run its strategy")]
    GiveStrategy(#[source] kube::Error),
    /// The runs before it were not ended or deleted.
    #[error("closing older runs")]
    Retire(#[source] kube::Error),
    /// Its status was not written.
    #[error("writing the run's status")]
    Publish(#[source] kube::Error),
    /// Nobody was asked about a wave.
    #[error("asking for approval of a wave")]
    Ask(#[source] AskError),
    /// Another replica leads.
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
}

impl ReconcileError for Error {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Create(_)
            | Self::Strategy(_)
            | Self::GiveStrategy(_)
            | Self::Retire(_)
            | Self::Publish(_)
            | Self::Ask(_) => Disposition::Backoff,
            // Whoever leads next wakes every target.
            Self::NotLeading(_) => Disposition::AwaitChange,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Strategy(_) => "strategy",
            Self::GiveStrategy(_) => "give_strategy",
            Self::Retire(_) => "retire",
            Self::Publish(_) => "publish",
            Self::Ask(_) => "ask",
            Self::NotLeading(_) => "not_leading",
        }
    }
}
