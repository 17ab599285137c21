//! Dry runs: whether the API server would take a revision, asked once for each set of tweaks before the first pool is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use controller_runtime::client::Place;
use futures::future::join_all;
use serde_json::Value;

use crate::commit::collection;
use crate::context::Context;
use crate::metrics::Ended;
use crate::plan::{Plan, Trial};
use crate::render::keeps_bound;

/// What was refused is asked for again so often: a quota or an admission policy may have changed.
const AGAIN: Duration = Duration::from_mins(1);

/// A webhook that takes no dry runs says so in these words. What it would say nobody knows.
const UNTRIABLE: &str = "does not support dry run";

/// A quota that is used up says so, and nothing of what is tried: whoever may not be made fails alone, and is tried again.
const FULL: &str = "exceeded quota";

/// What cannot be merged, such as two volumes of one name, or read as what it is to be, such as 1.5 replicas, the API server calls an
/// error of its own, with code 500.
const UNTYPED: [&str; 2] = ["failed to create typed patch object", "failed to convert new object"];

/// What dry runs of the present spec said.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    /// Of the spec that they were about.
    generation: Option<i64>,
    /// By the places of the tweaks.
    said: BTreeMap<Vec<usize>, Said>,
}

#[derive(Debug)]
enum Said {
    Taken,
    Refused { why: String, pools: Vec<String>, until: Instant },
}

/// The API server could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("trying the revision with a dry run")]
pub(crate) struct Untried(#[source] kube::Error);

impl Trials {
    /// What is known to be refused of this spec, by pool.
    pub(crate) fn refused(&mut self, generation: Option<i64>) -> BTreeMap<String, String> {
        if self.generation != generation {
            *self = Self { generation, said: BTreeMap::new() };
        }
        let now = Instant::now();
        self.said.retain(|_, said| !matches!(said, Said::Refused { until, .. } if *until <= now));
        let refused = self.said.values().filter_map(|said| match said {
            Said::Taken => None,
            Said::Refused { why, pools, .. } => Some(pools.iter().map(|pool| (pool.clone(), why.clone()))),
        });
        refused.flatten().collect()
    }

    /// The sets of tweaks that are known to be taken.
    pub(crate) fn taken(&self) -> BTreeSet<Vec<usize>> {
        let taken = self.said.iter().filter(|(_, said)| matches!(said, Said::Taken));
        taken.map(|(tweaks, _)| tweaks.clone()).collect()
    }

    /// When to look again at what is refused.
    pub(crate) fn again(&self) -> Option<Duration> {
        let left = self.said.values().filter_map(|said| match said {
            Said::Taken => None,
            Said::Refused { until, .. } => Some(until.saturating_duration_since(Instant::now())),
        });
        left.min()
    }

    /// Asks about everything in a plan that nothing is known of yet. Whether the plan is another one with what was said: something is
    /// refused, or a bound of StatefulSets is not kept.
    pub(crate) async fn run(&mut self, context: &Context, namespace: &str, plan: &Plan) -> Result<bool, Untried> {
        let untried = plan.trials.iter().filter(|(tweaks, _)| !self.said.contains_key(*tweaks));
        let asked = join_all(untried.map(async |(tweaks, trial)| (tweaks, ask(context, namespace, trial).await))).await;
        let kept = context.keeps_bounds.load(Ordering::Relaxed);
        let mut refused = false;
        for (tweaks, said) in asked {
            let said = said?;
            let outcome = match &said {
                Said::Taken => "taken",
                Said::Refused { .. } => "refused",
            };
            context.metrics.trials.get_or_create(&Ended { outcome }).inc();
            refused |= matches!(said, Said::Refused { .. });
            self.said.insert(tweaks.clone(), said);
        }
        Ok(refused || kept && !context.keeps_bounds.load(Ordering::Relaxed))
    }
}

async fn ask(context: &Context, namespace: &str, trial: &Trial) -> Result<Said, Untried> {
    // The semaphore is never closed.
    let _turn = context.writes.acquire().await;
    let (collection, body) = (collection(trial.body.kind(), namespace), trial.body.value());
    let place = Place { collection: &collection, name: trial.body.name() };
    match context.writer.try_apply::<Value>(place, &body).await {
        Ok(answer) => {
            if !keeps_bound(&body, &answer) {
                context.keeps_bounds.store(false, Ordering::Relaxed);
            }
            Ok(Said::Taken)
        }
        Err(error) => match verdict(&error) {
            Some(Ok(())) => Ok(Said::Taken),
            Some(Err(why)) => Ok(Said::Refused { why, pools: trial.pools.clone(), until: Instant::now() + AGAIN }),
            None => Err(Untried(error)),
        },
    }
}

/// What an error says of that which was tried with a dry run: that the API server would not take it, in its words, or nothing that
/// speaks against it. `None` if it is about something else, so that nobody knows.
pub fn verdict(error: &kube::Error) -> Option<Result<(), String>> {
    let kube::Error::Api(status) = error else { return None };
    match &status.message {
        said if [UNTRIABLE, FULL].iter().any(|words| said.contains(words)) => Some(Ok(())),
        said if is_verdict(status.code, said) => Some(Err(said.clone())),
        _ => None,
    }
}

/// Whether an answer is about what was asked for: a namespace that is missing, a conflict, too many requests pass.
fn is_verdict(code: u16, message: &str) -> bool {
    let clients = (400..500).contains(&code) && ![401, 404, 408, 409, 429].contains(&code);
    clients || UNTYPED.iter().any(|untyped| message.starts_with(untyped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_known_of_its_pools_until_it_is_asked_again_and_of_its_spec_only() {
        let refused =
            |until| Said::Refused { why: "no".to_owned(), pools: vec!["a".to_owned(), "b".to_owned()], until };
        let mut trials = Trials {
            generation: Some(1),
            said: [(vec![], Said::Taken), (vec![0], refused(Instant::now() + AGAIN))].into(),
        };
        let known = [("a".to_owned(), "no".to_owned()), ("b".to_owned(), "no".to_owned())];
        assert_eq!(trials.refused(Some(1)), known.into());
        assert!(trials.again().is_some_and(|again| again <= AGAIN));
        trials.said.insert(vec![0], refused(Instant::now()));
        assert!(trials.refused(Some(1)).is_empty() && trials.again().is_none(), "it is to be asked again");
        assert_eq!(trials.taken(), [vec![]].into());
        trials.refused(Some(2));
        assert!(trials.taken().is_empty(), "nothing is known of another spec");
    }

    #[test]
    fn a_verdict_is_about_what_was_asked_for() {
        let verdict = |code| is_verdict(code, "");
        assert!([400, 403, 413, 422].into_iter().all(verdict));
        assert!(![401, 404, 409, 429, 500, 503].into_iter().any(verdict));
        assert!(UNTYPED.iter().all(|untyped| is_verdict(500, &format!("{untyped} (edge/web-a): .spec.replicas"))));
        let forbidden = |message: &str| {
            let status = kube::core::Status { code: 403, message: message.to_owned(), ..kube::core::Status::default() };
            super::verdict(&kube::Error::Api(Box::new(status)))
        };
        assert_eq!(forbidden("denied"), Some(Err("denied".to_owned())));
        assert_eq!(
            forbidden("deployments.apps \"web-a\" is forbidden: exceeded quota: few"),
            Some(Ok(())),
            "others may"
        );
    }
}
