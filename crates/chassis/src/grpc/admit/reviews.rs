//! What is known of tokens, so that not every call asks the reviewer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use ring::digest::{SHA256, digest};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::pace::Pace;
use crate::Metrics;
use crate::access::{Caller, Review, Reviewer, Token, Unavailable};
use crate::process::causes;

/// Reviews tokens, each once in a while.
pub(super) struct Reviews {
    inner: Arc<Inner>,
    /// Bad tokens by address: guessing, or a client that does not give up, must not load the API server.
    bad: Pace<IpAddr>,
}

/// What a call's token is found to be.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Good(Arc<Caller>),
    Bad(String),
    TooManyBad,
    Unavailable(String),
}

struct Inner {
    reviewer: Arc<dyn Reviewer>,
    known: Mutex<Known>,
    /// Reviews under way at once.
    asking: Semaphore,
    /// Calls that wait for reviews.
    waiting: Semaphore,
    asked: Family<Labels, Counter>,
}

#[derive(Default)]
struct Known {
    answers: HashMap<Digest, Answer>,
    under_way: HashMap<Digest, Shared<BoxFuture<'static, Outcome>>>,
}

/// An outcome that holds for a while.
struct Answer {
    outcome: Outcome,
    until: Instant,
}

/// Of a token: the cache holds no token, so that no dump of memory gives one away.
type Digest = [u8; 32];

/// Takes a review off the list of those under way, however it ends.
struct UnderWay {
    inner: Arc<Inner>,
    digest: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Label,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Label {
    Good,
    Bad,
    Unavailable,
}

/// How long a good token is believed: so late a deleted account is noticed at most.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// How long a bad token is not asked about again.
const BAD_FOR: Duration = Duration::from_secs(10);

/// How long the reviewer may take.
const WITHIN: Duration = Duration::from_secs(5);

/// Reviews under way at once; others wait. The API server answers one in a few milliseconds.
const AT_ONCE: usize = 16;

/// Calls that may wait for reviews, each with its headers. When the API server does not answer, there could be very
/// many.
const WAITING: usize = 4_096;

/// Bad tokens that one address may bring a second, and at once.
const BAD_PER_SECOND: u32 = 2;
const BAD_AT_ONCE: u32 = 50;

/// Answers remembered, some 300 bytes each. More callers than that within a minute are asked about again and again.
const REMEMBERED: usize = 20_000;

impl Reviews {
    pub(super) fn new(reviewer: Arc<dyn Reviewer>, metrics: &Metrics) -> Self {
        let asked = metrics.register(
            "grpc_token_reviews",
            "Tokens of gRPC callers that were reviewed, by outcome; answers from memory are not counted",
            Family::default(),
        );
        let (asking, waiting) = (Semaphore::new(AT_ONCE), Semaphore::new(WAITING));
        Self {
            inner: Arc::new(Inner { reviewer, known: Mutex::default(), asking, waiting, asked }),
            bad: Pace::new(BAD_PER_SECOND, BAD_AT_ONCE),
        }
    }

    /// Whose a token is that came from `peer`. Calls with the same token at the same time share one review.
    pub(super) async fn of(&self, token: Token, peer: IpAddr) -> Outcome {
        let now = Instant::now();
        let mut digested = Digest::default();
        digested.copy_from_slice(digest(&SHA256, token.expose().as_bytes()).as_ref());
        let review = {
            let mut known = self.inner.lock();
            if let Some(answer) = known.answers.get(&digested).filter(|answer| now < answer.until) {
                return answer.outcome.clone();
            }
            if !self.bad.has_credit(&peer, now) {
                return Outcome::TooManyBad;
            }
            known.under_way.entry(digested).or_insert_with(|| Arc::clone(&self.inner).begin(token, digested)).clone()
        };
        let Ok(_waiting) = self.inner.waiting.try_acquire() else {
            return Outcome::Unavailable(format!("{WAITING} calls wait for reviews already"));
        };
        let outcome = review.await;
        if matches!(outcome, Outcome::Bad(_)) {
            self.bad.take(peer, now);
        }
        outcome
    }
}

impl Inner {
    /// Reviews a token in a task of its own: who waits for it may go away. Called while the list is locked.
    fn begin(self: Arc<Self>, token: Token, digest: Digest) -> Shared<BoxFuture<'static, Outcome>> {
        let under_way = UnderWay { inner: self, digest };
        let review = tokio::spawn(async move { under_way.inner.ask(token, digest).await });
        let lost = |_| Outcome::Unavailable("the review of the token was lost".to_owned());
        review.map(move |ended| ended.unwrap_or_else(lost)).boxed().shared()
    }

    async fn ask(&self, token: Token, digest: Digest) -> Outcome {
        let asking = async {
            let _turn = self.asking.acquire().await;
            self.reviewer.review(token).await
        };
        let late = |_| Err(Unavailable(format!("no answer within {WITHIN:?}").into()));
        let reviewed = tokio::time::timeout(WITHIN, asking).await.unwrap_or_else(late);
        let (outcome, label, holds) = match reviewed {
            Ok(Review::Good { caller, expires }) => match left(expires) {
                Some(left) => (Outcome::Good(Arc::new(caller)), Label::Good, left.min(GOOD_FOR)),
                None => (Outcome::Bad("the token has expired".to_owned()), Label::Bad, BAD_FOR),
            },
            Ok(Review::Bad(why)) => (Outcome::Bad(why), Label::Bad, BAD_FOR),
            Err(error) => (Outcome::Unavailable(causes(&error)), Label::Unavailable, Duration::ZERO),
        };
        self.asked.get_or_create(&Labels { outcome: label }).inc();
        if !holds.is_zero() {
            self.lock().remember(digest, Answer { outcome: outcome.clone(), until: Instant::now() + holds });
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn remember(&mut self, digest: Digest, answer: Answer) {
        if self.answers.len() >= REMEMBERED {
            let now = Instant::now();
            self.answers.retain(|_, answer| now < answer.until);
        }
        if self.answers.len() < REMEMBERED {
            self.answers.insert(digest, answer);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.inner.lock().under_way.remove(&self.digest);
    }
}

/// How long a token that expires then is good; nothing when it is not any more.
fn left(expires: Option<SystemTime>) -> Option<Duration> {
    match expires {
        None => Some(GOOD_FOR),
        Some(at) => at.duration_since(SystemTime::now()).ok().filter(|left| !left.is_zero()),
    }
}

#[cfg(test)]
mod tests;
