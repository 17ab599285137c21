//! Why something is not done, each in a sentence that says what ends it.

use api::yurt_app_set::InvalidSelector;
use jiff::Timestamp;

/// A reason not to write, or not to delete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// Nobody can say which pools are chosen; ends with another spec.
    #[error("nobody can say which pools are chosen, so none gets, changes or loses a workload: {0}")]
    Unselectable(InvalidSelector),
    /// Nothing may be written.
    #[error("held: {0}")]
    Standing(String),
    /// The workload cannot be made; ends with another spec.
    #[error("{0}")]
    Refused(String),
    /// That of another pool cannot be made; ends with another spec.
    #[error("waits because the revision is refused in pool {pool}: {why}")]
    OthersRefused {
        /// A pool in which it is refused.
        pool: String,
        /// Why.
        why: String,
    },
    /// It is pinned to an older revision; ends with the pin.
    #[error("is pinned to revision {0}")]
    Pinned(String),
    /// The run of the newest revision does not give it to the pool yet, for this reason.
    #[error("waits for its turn: {0}")]
    Wave(String),
    /// The newest revision failed, and the pool had it.
    #[error(
        "goes back to revision {0}, the last that completed, because the newest one failed; ends with another spec"
    )]
    Returned(String),
    /// The name of its workload is another's; ends when that goes.
    #[error("there is a workload {0} already, which is not this YurtAppSet's; delete or rename it")]
    NameTaken(String),
    /// Its former workload is being deleted; ends with that.
    #[error("waits until its former workload {0} is gone")]
    Leaving(String),
    /// NodePools and workloads have to be read with quorum first; ends with that.
    #[error("waits until NodePools and workloads were read with quorum")]
    Unconfirmed,
    /// As many were deleted as may be; ends with time, or where none may be with another configuration.
    #[error("waits: {deleted} of at most {allowed} workloads were deleted within a minute; goes on {}", goes_on(*allowed, *again))]
    Deletions {
        /// How many were deleted.
        deleted: usize,
        /// How many may be.
        allowed: usize,
        /// When it goes on, if that is known.
        again: Option<Timestamp>,
    },
    /// The pool's other workload is not ready; ends with that.
    #[error("is one too many in pool {pool}, and is deleted once {kept} is ready")]
    Surplus {
        /// The pool.
        pool: String,
        /// The workload that stays.
        kept: String,
    },
}

impl Hold {
    /// A word for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unselectable(_) => "unselectable",
            Self::Standing(_) => "standing",
            Self::Refused(_) => "refused",
            Self::OthersRefused { .. } => "others_refused",
            Self::Pinned(_) => "pinned",
            Self::Wave(_) => "wave",
            Self::Returned(_) => "returned",
            Self::NameTaken(_) => "name_taken",
            Self::Leaving(_) => "leaving",
            Self::Unconfirmed => "unconfirmed",
            Self::Deletions { .. } => "deletions",
            Self::Surplus { .. } => "surplus",
        }
    }

    /// The older revision that the pool is to have.
    pub(super) fn revision(&self) -> Option<&str> {
        match self {
            Self::Pinned(revision) | Self::Returned(revision) => Some(revision),
            Self::Unselectable(_)
            | Self::Standing(_)
            | Self::Refused(_)
            | Self::OthersRefused { .. }
            | Self::Wave(_)
            | Self::NameTaken(_)
            | Self::Leaving(_)
            | Self::Unconfirmed
            | Self::Deletions { .. }
            | Self::Surplus { .. } => None,
        }
    }

    /// Whether somebody has to do something, or it would last for ever.
    pub const fn is_error(&self) -> bool {
        match self {
            Self::Unselectable(_) | Self::Refused(_) | Self::OthersRefused { .. } | Self::NameTaken(_) => true,
            Self::Standing(_)
            | Self::Pinned(_)
            | Self::Wave(_)
            | Self::Returned(_)
            | Self::Leaving(_)
            | Self::Unconfirmed
            | Self::Deletions { .. }
            | Self::Surplus { .. } => false,
        }
    }
}

/// When deletions go on, of which so many may be within a minute.
fn goes_on(allowed: usize, again: Option<Timestamp>) -> String {
    match again {
        Some(at) => format!("at {at:.0}"),
        None if allowed == 0 => "with another deletions.percent_per_minute".to_owned(),
        None => "a minute later".to_owned(),
    }
}
