//! Watches that decode frames straight into the caller's slim type and hide nothing that tells how fresh a view is.
//!
//! A [`Watch`] begins with a streaming list (`sendInitialEvents`): the API server sends the present state one
//! object at a time, so that no list is ever held whole. A server that refuses gets a paged list instead. From
//! then on it follows changes, goes on from the last resource version when the connection ends, and starts over
//! when the server has forgotten that version (410).
//!
//! kube-runtime's watcher swallows bookmarks, and decodes an owned `WatchEvent` through an owned line. Here
//! bookmarks are signals, because a view's staleness is judged by them, and bytes are decoded where they lie.
//!
//! Invariant: a watch never ends and never fails for good; what goes wrong is a [`WatchSignal::Interrupted`].
//! Invariant: signals between [`WatchSignal::Restarted`] and [`WatchSignal::InitDone`] are a full list; what it
//! does not name is gone.

mod cut;
mod follow;
mod frame;
mod metrics;
mod pages;
mod request;
mod source;
mod version;

pub use follow::Watch;
pub use frame::FrameError;
pub use metrics::WatchMetrics;
pub use request::WatchTarget;
pub use version::{ResourceVersion, Versioned};

use std::time::Duration;

/// One step of a watch. When it was sighted is the caller's to note.
#[derive(Debug)]
pub enum WatchSignal<T> {
    /// A full list begins: everything known is in doubt until [`WatchSignal::InitDone`], and what the list does not
    /// name by then is gone. Always the first signal.
    Restarted,
    /// The object exists like this: added, changed or listed.
    Applied(T),
    /// The object is gone; this was its last state.
    Deleted(T),
    /// The full list is complete as of this version, which is at least as new as the moment the list was asked for.
    InitDone(ResourceVersion),
    /// Nothing that this watch selects has happened up to this version without being shown.
    Bookmark(ResourceVersion),
    /// Frames were left out by the caller's filter: proof of life, but of no version.
    Skipped,
    /// An object could not be decoded; the view of it is unknown from here on.
    Undecodable(FrameError),
    /// The connection is gone or could not be made. Nothing is known from here to the next signal.
    Interrupted {
        /// Why.
        reason: WatchError,
        /// When the next attempt begins; zero for at once.
        retry_in: Duration,
    },
}

/// Why a watch was interrupted.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The request got no answer.
    #[error("the API server did not answer")]
    Unreachable(#[source] Box<kube::Error>),
    /// The API server answered with an error.
    #[error("the API server refused with {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// The server forgot the version to go on from (410); a [`WatchSignal::Restarted`] follows.
    #[error("the version to go on from is too old")]
    Expired,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The server ended the stream, as it does every 30 to 60 minutes.
    #[error("the API server ended the stream")]
    Ended,
    /// Not a byte for this long, although a bookmark is due every minute or so: the connection is dead.
    #[error("nothing heard for {} s", .0.as_secs())]
    Silent(Duration),
    /// A page of the list could not be decoded.
    #[error("a page of the list is unreadable")]
    Page(#[source] serde_json::Error),
    /// The target makes no valid request.
    #[error("the watch cannot be asked for")]
    Unaskable(#[source] http::Error),
}

impl WatchError {
    /// A bounded word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Refused { .. } => "refused",
            Self::Expired => "expired",
            Self::Broken(_) => "broken",
            Self::Ended => "ended",
            Self::Silent(_) => "silent",
            Self::Page(_) => "page",
            Self::Unaskable(_) => "unaskable",
        }
    }
}
