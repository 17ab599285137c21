//! Who says whose token it is.

use std::error::Error;
use std::time::SystemTime;

use futures::future::BoxFuture;

use super::{Caller, Token};

/// Says whose token it is. The audience is the reviewer's to check ([`AUDIENCE`](super::AUDIENCE)).
pub trait Reviewer: Send + Sync + 'static {
    /// Reviews a token. Answers are remembered by who asks: up to a minute for good tokens, seconds for bad ones.
    ///
    /// # Errors
    /// When it cannot be said at the moment. The call then fails as `UNAVAILABLE`.
    fn review(&self, token: Token) -> BoxFuture<'_, Result<Review, Unavailable>>;
}

/// What there is to say about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Review {
    /// It is good.
    Good {
        /// Whose it is.
        caller: Caller,
        /// When it expires, where that is known.
        expires: Option<SystemTime>,
    },
    /// It is not; why, in words that hold nothing of it.
    Bad(String),
}

/// Tokens cannot be reviewed at the moment.
#[derive(Debug, thiserror::Error)]
#[error("tokens cannot be reviewed at the moment")]
pub struct Unavailable(#[source] pub Box<dyn Error + Send + Sync>);

/// The reviewer of a process that was given none.
pub(crate) struct KnowsNobody;

impl Reviewer for KnowsNobody {
    fn review(&self, _: Token) -> BoxFuture<'_, Result<Review, Unavailable>> {
        Box::pin(async { Ok(Review::Bad("this process knows no callers".to_owned())) })
    }
}
