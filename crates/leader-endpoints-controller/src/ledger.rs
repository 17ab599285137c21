//! What is in step with the pools and what is not, for metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use planner::fleet::Name;

use crate::outputs::Output;

/// The state of every output. Empty while this replica stands by.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    outputs: BTreeMap<(Output, Name), Sync>,
    leaderless: BTreeSet<Name>,
}

/// Whether an output says what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// It does.
    Current,
    /// It has been about to be written since then.
    Pending(Instant),
    /// It cannot be written, since then.
    Refused(Instant),
}

/// The outputs of one kind, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) current: usize,
    pub(crate) pending: usize,
    pub(crate) refused: usize,
    /// For how long the one has waited that has waited longest, be it pending or refused.
    pub(crate) oldest: Duration,
}

impl Ledger {
    pub(crate) fn current(&self, output: Output, pool: &Name) {
        self.lock().outputs.insert((output, pool.clone()), Sync::Current);
    }

    pub(crate) fn pending(&self, output: Output, pool: &Name) {
        self.late(output, pool, Sync::Pending);
    }

    pub(crate) fn refused(&self, output: Output, pool: &Name) {
        self.late(output, pool, Sync::Refused);
    }

    /// Whether the pool asks for leaders and has none.
    pub(crate) fn leaderless(&self, pool: &Name, leaderless: bool) {
        let mut state = self.lock();
        if leaderless {
            state.leaderless.insert(pool.clone());
        } else {
            state.leaderless.remove(pool);
        }
    }

    /// The pool is gone.
    pub(crate) fn forget(&self, pool: &Name) {
        let mut state = self.lock();
        Output::ALL.into_iter().for_each(|output| _ = state.outputs.remove(&(output, pool.clone())));
        state.leaderless.remove(pool);
    }

    /// This replica no longer acts: it knows no longer.
    pub(crate) fn clear(&self) {
        *self.lock() = State::default();
    }

    /// How many pools have no leader though they ask for some.
    pub(crate) fn without_leader(&self) -> usize {
        self.lock().leaderless.len()
    }

    /// The outputs of every kind.
    pub(crate) fn tallies(&self) -> BTreeMap<&'static str, Tally> {
        let mut tallies: BTreeMap<_, Tally> =
            Output::ALL.into_iter().map(|output| (output.kind(), Tally::default())).collect();
        for ((output, _), sync) in &self.lock().outputs {
            let tally = tallies.entry(output.kind()).or_default();
            let since = match sync {
                Sync::Current => {
                    tally.current += 1;
                    continue;
                }
                Sync::Pending(since) => {
                    tally.pending += 1;
                    since
                }
                Sync::Refused(since) => {
                    tally.refused += 1;
                    since
                }
            };
            tally.oldest = tally.oldest.max(since.elapsed());
        }
        tallies
    }

    /// Since it was last current, whatever it has been since.
    fn late(&self, output: Output, pool: &Name, state: fn(Instant) -> Sync) {
        let mut all = self.lock();
        let known = all.outputs.entry((output, pool.clone())).or_insert(Sync::Current);
        let since = match known {
            Sync::Current => Instant::now(),
            Sync::Pending(since) | Sync::Refused(since) => *since,
        };
        *known = state(since);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_late_since_it_was_last_current() {
        let ledger = Ledger::default();
        let (pool, tally) = (Name::from("shop"), || ledger.tallies()["ConfigMap"]);
        ledger.pending(Output::ConfigMap, &pool);
        std::thread::sleep(Duration::from_millis(5));
        ledger.refused(Output::ConfigMap, &pool);
        assert!(tally().refused == 1 && tally().oldest >= Duration::from_millis(5), "{:?}", tally());
        ledger.current(Output::ConfigMap, &pool);
        assert_eq!(tally(), Tally { current: 1, ..Tally::default() });
        ledger.leaderless(&pool, true);
        ledger.forget(&pool);
        assert_eq!((tally(), ledger.without_leader()), (Tally::default(), 0));
    }
}
