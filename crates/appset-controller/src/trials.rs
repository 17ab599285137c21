//! Dry runs: whether the API server would take a revision, asked once for each set of tweaks before the first pool is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use controller_runtime::client::Place;
use futures::future::join_all;
use serde_json::Value;

use crate::commit::{collection, kind_of};
use crate::context::Context;
use crate::metrics::Ended;
use crate::plan::{Plan, Trial};
use crate::render::keeps_bound;

/// What was refused is asked for again so often: a quota or an admission policy may have changed.
const AGAIN: Duration = Duration::from_mins(1);

/// A webhook that takes no dry runs says so in these words. What it would say nobody knows.
const UNTRIABLE: &str = "does not support dry run";

/// What cannot be merged, such as two volumes of one name, the API server calls an error of its own, with code 500.
const UNTYPED: &str = "failed to create typed patch object";

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
    Refused { why: String, pools: Vec<String>, at: Instant },
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
        self.said.retain(|_, said| !matches!(said, Said::Refused { at, .. } if at.elapsed() >= AGAIN));
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
            Said::Refused { at, .. } => Some(AGAIN.saturating_sub(at.elapsed())),
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
    let collection = collection(kind_of(&trial.body), namespace);
    let place = Place { collection: &collection, name: trial.body["metadata"]["name"].as_str().unwrap_or_default() };
    match context.writer.try_apply::<Value>(place, &trial.body).await {
        Ok(answer) => {
            if !keeps_bound(&trial.body, &answer) {
                context.keeps_bounds.store(false, Ordering::Relaxed);
            }
            Ok(Said::Taken)
        }
        Err(kube::Error::Api(status)) if status.message.contains(UNTRIABLE) => Ok(Said::Taken),
        Err(kube::Error::Api(status)) if is_verdict(status.code, &status.message) => {
            Ok(Said::Refused { why: status.message.clone(), pools: trial.pools.clone(), at: Instant::now() })
        }
        Err(error) => Err(Untried(error)),
    }
}

/// Whether an answer is about what was asked for: a namespace that is missing, a conflict, too many requests pass.
fn is_verdict(code: u16, message: &str) -> bool {
    let clients = (400..500).contains(&code) && ![401, 404, 408, 409, 429].contains(&code);
    clients || message.starts_with(UNTYPED)
}
