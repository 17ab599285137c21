//! Names that workloads should have and somebody else's have. No mirror shows those, and a list of all workloads at every look would
//! cost more than everything else of it, so what was read with quorum counts for a while.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::plan::{Hold, Plan};

/// So often is looked whether a name is free: no watch tells of that.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// What the last list that was read with quorum showed.
#[derive(Debug, Default)]
pub(crate) struct Occupied {
    names: BTreeSet<String>,
    until: Option<Instant>,
}

impl Occupied {
    /// Notes what a plan of lists that were read with quorum found.
    pub(super) fn note(&mut self, plan: &Plan, now: Instant) {
        let taken = |hold: &Hold| if let Hold::NameTaken(name) = hold { Some(name.clone()) } else { None };
        let names = plan.holds.values().filter_map(taken);
        *self = Self { names: names.collect(), until: Some(now + LOOK_EVERY) };
    }

    /// Forgets what was read too long ago.
    pub(super) fn forget(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            *self = Self::default();
        }
    }

    /// The names.
    pub(super) const fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// When to look again whether one of them is free.
    pub(crate) fn again(&self) -> Option<Duration> {
        let until = self.until.filter(|_| !self.names.is_empty())?;
        Some(until.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_until_it_is_time_to_look_again() {
        let (mut occupied, now) = (Occupied::default(), Instant::now());
        let taken = [("a", Hold::NameTaken("web-a".to_owned())), ("b", Hold::Unconfirmed)];
        let holds = taken.into_iter().map(|(pool, hold)| (pool.to_owned(), hold)).collect();
        occupied.note(&Plan { holds, ..Plan::default() }, now);
        occupied.forget(now + LOOK_EVERY / 2);
        assert_eq!(occupied.names().iter().collect::<Vec<_>>(), ["web-a"]);
        assert!(occupied.again().is_some_and(|again| again <= LOOK_EVERY));
        occupied.forget(now + LOOK_EVERY);
        assert_eq!((occupied.names().len(), occupied.again()), (0, None));
    }
}
