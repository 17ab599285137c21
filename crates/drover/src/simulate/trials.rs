//! Many trials, on all processors.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use jiff::SignedDuration;
use sim::trial::{self, Outcome, Trial};

/// A timeline has about so many entries: more than a chart has columns.
const MOMENTS: i32 = 200;

/// Runs a trial with the seeds 1 to `seeds`; the outcomes are in their order. `tells`: says on stderr how far it is.
pub(super) fn run(trial: &Trial, seeds: u32, tells: bool) -> Vec<Outcome> {
    let (next, done) = (AtomicU32::new(1), AtomicU32::new(0));
    let work = || {
        let mut mine = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > seeds {
                return mine;
            }
            mine.push((seed, trial::run(&with_seed(trial, seed))));
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if tells {
                anstream::eprint!("\rsimulating: {done} of {seeds} runs");
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut outcomes: Vec<_> = thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut outcomes = work();
        // A worker that panicked has said so; its panic goes on here.
        for other in others {
            outcomes.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        outcomes
    });
    if tells {
        anstream::eprint!("\r\x1b[2K");
    }
    outcomes.sort_by_key(|(seed, _)| *seed);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// The run of median duration once more, with its timeline, and its seed.
pub(super) fn again(trial: &Trial, outcomes: &[Outcome]) -> (u32, Outcome) {
    let mut order: Vec<usize> = (0..outcomes.len()).collect();
    order.sort_by_key(|at| (outcomes[*at].duration, *at));
    let median = order.get((order.len().saturating_sub(1)) / 2).copied().unwrap_or_default();
    let duration = outcomes.get(median).map(|outcome| outcome.duration).unwrap_or_default();
    let sample_every = (duration / MOMENTS).max(SignedDuration::from_secs(1));
    let seed = u32::try_from(median + 1).unwrap_or(1);
    (seed, trial::run(&Trial { sample_every, ..with_seed(trial, seed) }))
}

fn with_seed(trial: &Trial, seed: u32) -> Trial {
    Trial { seed: u64::from(seed), ..trial.clone() }
}
