use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use tokio::time::sleep;

use super::*;
use crate::About;
use crate::access::Account;

/// Says of each token what its first part asks for, and counts how often it is asked.
#[derive(Clone, Default)]
struct Oracle {
    asked: Arc<AtomicUsize>,
}

impl Reviewer for Oracle {
    fn review(&self, token: Token) -> BoxFuture<'_, Result<Review, Unavailable>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            sleep(Duration::from_millis(10)).await;
            let good = |expires| {
                let caller = Caller::new(Account::new("a", "b").unwrap());
                Ok(Review::Good { caller, expires })
            };
            let in_seconds = |seconds| Some(SystemTime::now() + Duration::from_secs(seconds));
            match token.expose().split('.').next().unwrap() {
                "good" => good(None),
                "short" => good(in_seconds(20)),
                "expired" => good(Some(SystemTime::UNIX_EPOCH)),
                "silent" => std::future::pending().await,
                "panicking" => panic!("what is this"),
                "down" => Err(Unavailable("connection refused".into())),
                _ => Ok(Review::Bad("unknown".to_owned())),
            }
        })
    }
}

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

fn reviews() -> (Reviews, Oracle) {
    let oracle = Oracle::default();
    let metrics = Metrics::new(About { service: "herd", version: "1", summary: "" });
    (Reviews::new(Arc::new(oracle.clone()), &metrics), oracle)
}

fn token(first: &str) -> Token {
    Token::new(&format!("{first}.x.y")).unwrap()
}

async fn asked_after(reviews: &Reviews, oracle: &Oracle, first: &str, pause: Duration) -> usize {
    reviews.of(token(first), PEER).await;
    let before = oracle.asked.load(Ordering::SeqCst);
    sleep(pause).await;
    reviews.of(token(first), PEER).await;
    oracle.asked.load(Ordering::SeqCst) - before
}

#[tokio::test(start_paused = true)]
async fn good_tokens_are_believed_for_a_minute_and_not_past_their_end() {
    let (reviews, oracle) = reviews();
    assert!(matches!(reviews.of(token("good"), PEER).await, Outcome::Good(_)));
    assert_eq!(asked_after(&reviews, &oracle, "good", Duration::from_secs(59)).await, 0);
    assert_eq!(asked_after(&reviews, &oracle, "good", Duration::from_secs(61)).await, 1);
    assert_eq!(asked_after(&reviews, &oracle, "short", Duration::from_secs(15)).await, 0);
    assert_eq!(asked_after(&reviews, &oracle, "short", Duration::from_secs(21)).await, 1);
    assert!(matches!(reviews.of(token("expired"), PEER).await, Outcome::Bad(why) if why.contains("expired")));
}

#[tokio::test(start_paused = true)]
async fn bad_tokens_are_remembered_for_seconds() {
    let (reviews, oracle) = reviews();
    assert!(matches!(reviews.of(token("bad"), PEER).await, Outcome::Bad(why) if why == "unknown"));
    assert_eq!(asked_after(&reviews, &oracle, "bad", Duration::from_secs(9)).await, 0);
    assert_eq!(asked_after(&reviews, &oracle, "bad", Duration::from_secs(11)).await, 1);
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_share_one_review_even_if_the_first_goes_away() {
    let (reviews, oracle) = reviews();
    let first = tokio::time::timeout(Duration::from_millis(1), reviews.of(token("good"), PEER)).await;
    assert!(first.is_err(), "the review takes longer");
    let outcomes = join_all((0..100).map(|_| reviews.of(token("good"), PEER))).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Good(_))));
    assert_eq!(oracle.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn no_answer_lets_nobody_in_and_is_not_remembered() {
    let (reviews, oracle) = reviews();
    for (first, words) in [("down", "connection refused"), ("silent", "no answer within"), ("panicking", "lost")] {
        let outcome = reviews.of(token(first), PEER).await;
        assert!(matches!(&outcome, Outcome::Unavailable(why) if why.contains(words)), "{outcome:?}");
        assert_eq!(asked_after(&reviews, &oracle, first, Duration::ZERO).await, 1, "{first}");
    }
    assert!(reviews.inner.lock().under_way.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_brings_bad_tokens_is_not_listened_to_for_a_while_and_others_are() {
    let (reviews, oracle) = reviews();
    for number in 0..3 * BAD_AT_ONCE {
        reviews.of(token(&format!("bad{number}")), PEER).await;
    }
    let asked = oracle.asked.load(Ordering::SeqCst);
    assert!(asked <= usize::try_from(BAD_AT_ONCE).unwrap() + 5, "asked {asked} times");
    assert!(matches!(reviews.of(token("good"), PEER).await, Outcome::TooManyBad));
    assert!(matches!(reviews.of(token("good"), [10, 0, 0, 2].into()).await, Outcome::Good(_)));
    assert!(matches!(reviews.of(token("good"), PEER).await, Outcome::Good(_)), "known tokens need no review");
    sleep(Duration::from_mins(1)).await;
    assert!(matches!(reviews.of(token("bad"), PEER).await, Outcome::Bad(_)));
}
