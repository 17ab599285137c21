//! The order of work, without clock or tasks.

use chassis::backoff::Backoff;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};
use tokio::time::Instant;

/// Waits of a key that fails again and again. The longest is short enough that a fleet goes on within a
/// minute of the API server's return, and long enough that 100 failing objects cost it 2 calls a second.
const RETRY: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_mins(1) };

/// Keys that wait, run, or are due later.
pub(super) struct Agenda<K> {
    entries: BTreeMap<K, Entry>,
    waiting: VecDeque<K>,
    due: BTreeSet<(Instant, K)>,
    running: usize,
}

#[derive(Default)]
struct Entry {
    waits: bool,
    runs: bool,
    /// Added while it ran.
    again: bool,
    /// Asked for by others; a run does not take it away.
    later: Option<Instant>,
    /// Asked for by its own last run; the next run takes it away.
    revisit: Option<Instant>,
    /// In a row.
    failures: u32,
}

/// What a finished run asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    After(Duration),
    Backoff,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), waiting: VecDeque::new(), due: BTreeSet::new(), running: 0 }
    }
}

impl<K: Clone + Ord> Agenda<K> {
    /// Whether the key waits now and did not before.
    pub(super) fn add(&mut self, key: K) -> bool {
        let entry = self.entries.entry(key.clone()).or_default();
        if entry.runs {
            entry.again = true;
            return false;
        }
        if entry.waits {
            return false;
        }
        entry.waits = true;
        self.waiting.push_back(key);
        true
    }

    /// Whether this is now the first thing due.
    pub(super) fn add_at(&mut self, key: K, at: Instant) -> bool {
        let entry = self.entries.entry(key.clone()).or_default();
        if entry.later.is_some_and(|earlier| earlier <= at) {
            return false;
        }
        let old = entry.later.replace(at).filter(|old| entry.revisit != Some(*old));
        self.unset_due(&key, old);
        self.due.insert((at, key));
        self.next_due() == Some(at)
    }

    /// Moves what is due into the queue, in the order of its times.
    pub(super) fn promote(&mut self, now: Instant) {
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((at, key)) = self.due.pop_first() else { break };
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.later = entry.later.filter(|later| *later != at);
                entry.revisit = entry.revisit.filter(|revisit| *revisit != at);
            }
            self.add(key);
        }
    }

    /// Takes the first waiting key; it runs from now on.
    pub(super) fn start(&mut self) -> Option<K> {
        let key = self.waiting.pop_front()?;
        let entry = self.entries.entry(key.clone()).or_default();
        entry.waits = false;
        entry.runs = true;
        let (later, revisit) = (entry.later, entry.revisit.take());
        if revisit != later {
            self.unset_due(&key, revisit);
        }
        self.running += 1;
        Some(key)
    }

    /// The key's run has ended. Returns the failures in a row, this one included.
    pub(super) fn finish(&mut self, key: &K, next: Next, now: Instant) -> u32 {
        self.running -= 1;
        let Some(entry) = self.entries.get_mut(key) else { return 0 };
        entry.runs = false;
        entry.failures = if next == Next::Backoff { entry.failures.saturating_add(1) } else { 0 };
        let failures = entry.failures;
        let wait = match next {
            Next::Nothing => None,
            Next::After(wait) => Some(wait),
            Next::Backoff => Some(RETRY.after(failures)),
        };
        entry.revisit = wait.map(|wait| now + wait);
        if let Some(at) = entry.revisit {
            self.due.insert((at, key.clone()));
        }
        let again = std::mem::take(&mut entry.again);
        let forgotten = !again && entry.later.is_none() && entry.revisit.is_none();
        if again {
            self.add(key.clone());
        } else if forgotten {
            self.entries.remove(key);
        }
        failures
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    fn unset_due(&mut self, key: &K, at: Option<Instant>) {
        if let Some(at) = at {
            self.due.remove(&(at, key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(agenda: &mut Agenda<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| agenda.start()).collect()
    }

    #[test]
    fn keys_run_in_order_and_wait_once() {
        let mut agenda = Agenda::default();
        assert_eq!(["b", "a", "b", "c", "a"].map(|key| agenda.add(key)), [true, true, false, true, false]);
        assert_eq!(started(&mut agenda), ["b", "a", "c"]);
        assert_eq!((agenda.waiting(), agenda.running()), (0, 3));
    }

    #[test]
    fn a_key_added_while_it_runs_runs_again_after() {
        let now = Instant::now();
        let mut agenda = Agenda::default();
        agenda.add("a");
        assert_eq!(started(&mut agenda), ["a"]);
        agenda.add("a");
        agenda.add("b");
        agenda.add("a");
        assert_eq!(started(&mut agenda), ["b"], "a runs already");
        agenda.finish(&"a", Next::Nothing, now);
        assert_eq!(started(&mut agenda), ["a"], "once, for both");
        agenda.finish(&"a", Next::Nothing, now);
        agenda.finish(&"b", Next::Nothing, now);
        assert!(agenda.entries.is_empty(), "idle keys are forgotten");
    }

    #[test]
    fn due_keys_join_in_the_order_of_their_times() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut agenda = Agenda::default();
        assert!(agenda.add_at("late", at(9)));
        assert!(agenda.add_at("soon", at(2)));
        assert!(!agenda.add_at("late", at(10)), "the earlier time stands");
        assert!(!agenda.add_at("late", at(3)), "earlier, but not the first");
        assert_eq!(agenda.next_due(), Some(at(2)));
        agenda.promote(at(1));
        assert_eq!(started(&mut agenda), [""; 0]);
        agenda.promote(at(3));
        assert_eq!(started(&mut agenda), ["soon", "late"]);
        assert_eq!(agenda.next_due(), None);
    }

    #[test]
    fn a_run_takes_its_own_revisit_away_but_nothing_others_asked_for() {
        let now = Instant::now();
        let mut agenda = Agenda::default();
        agenda.add("a");
        started(&mut agenda);
        agenda.finish(&"a", Next::After(Duration::from_secs(5)), now);
        agenda.add_at("a", now + Duration::from_secs(7));
        agenda.add("a");
        started(&mut agenda);
        assert_eq!(agenda.next_due(), Some(now + Duration::from_secs(7)));
        agenda.finish(&"a", Next::Nothing, now);
        agenda.promote(now + Duration::from_secs(7));
        assert_eq!(started(&mut agenda), ["a"]);
    }

    #[test]
    fn both_times_may_be_the_same_moment() {
        let now = Instant::now();
        let wait = Duration::from_secs(5);
        let mut agenda = Agenda::default();
        agenda.add("a");
        started(&mut agenda);
        agenda.add_at("a", now + wait);
        agenda.finish(&"a", Next::After(wait), now);
        agenda.add_at("a", now + wait / 2);
        agenda.promote(now + wait / 2);
        assert_eq!(started(&mut agenda), ["a"]);
        assert_eq!(agenda.next_due(), None, "a run takes its revisit away");

        agenda.add_at("a", now + wait);
        agenda.finish(&"a", Next::After(wait), now);
        agenda.add("a");
        started(&mut agenda);
        agenda.finish(&"a", Next::Nothing, now);
        assert_eq!(agenda.next_due(), Some(now + wait), "what others asked for stands");
        agenda.promote(now + wait);
        assert_eq!(started(&mut agenda), ["a"]);
        agenda.finish(&"a", Next::Nothing, now);
        assert!(agenda.entries.is_empty() && agenda.due.is_empty());
    }

    #[test]
    fn failures_back_off_until_a_success() {
        let mut now = Instant::now();
        let mut agenda = Agenda::default();
        agenda.add("a");
        let mut waits = Vec::new();
        for failure in 1..=10 {
            started(&mut agenda);
            assert_eq!(agenda.finish(&"a", Next::Backoff, now), failure);
            let due = agenda.next_due().unwrap();
            waits.push(due - now);
            now = due;
            agenda.promote(now);
        }
        assert!(waits[0] <= RETRY.first, "{waits:?}");
        assert!(waits[9] >= RETRY.longest / 2 && waits[9] <= RETRY.longest, "{waits:?}");
        started(&mut agenda);
        assert_eq!(agenda.finish(&"a", Next::Nothing, now), 0);
        assert!(agenda.entries.is_empty() && agenda.due.is_empty());
    }
}
