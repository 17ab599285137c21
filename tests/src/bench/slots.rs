//! How well a rollout's slots were used, from outside: by the audit log and the watcher.

use std::time::Duration;

use jiff::Timestamp;

/// One rollout: when each slot was taken and freed.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// When the rollout could begin: the new revision was there for all to see.
    pub(super) begins: Timestamp,
    /// When each DELETE reached the API server, in order.
    pub(super) taken: Vec<Timestamp>,
    /// When each replacement was Ready for all to see, in order.
    pub(super) freed: Vec<Timestamp>,
    /// So many pods may be down at once.
    pub(super) slots: usize,
}

/// How the slots were used while there was still something to delete.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Idleness {
    /// From the beginning to the last DELETE.
    pub(super) span: Duration,
    /// How long at least one slot was free.
    pub(super) any_free: Duration,
    /// How long slots were free, summed over all slots and divided by their number.
    pub(super) mean_free: Duration,
    /// From each slot's becoming free to the DELETE that used it.
    pub(super) waits: Vec<Duration>,
}

impl Course {
    /// Measures it. The first DELETEs use slots that were free from the beginning; each later one the slot freed longest ago.
    pub(super) fn idleness(&self) -> Idleness {
        let Some(&end) = self.taken.last() else { return Idleness::default() };
        let (mut taken, mut freed) = (self.taken.iter().peekable(), self.freed.iter().peekable());
        let mut idle = Idleness { span: between(self.begins, end), ..Idleness::default() };
        let (mut used, mut at) = (0_usize, self.begins);
        while let Some(&&take) = taken.peek() {
            // Of events at one instant the freeing counts first.
            let free = freed.peek().map(|free| **free).filter(|free| *free <= take);
            let now = free.unwrap_or(take);
            let left = self.slots.saturating_sub(used);
            if left > 0 {
                idle.any_free += between(at, now);
                idle.mean_free += between(at, now).mul_f64(left as f64 / self.slots as f64);
            }
            at = at.max(now);
            if free.is_some() {
                used = used.saturating_sub(1);
                freed.next();
            } else {
                used += 1;
                taken.next();
            }
        }
        let later = self.taken.iter().skip(self.slots);
        idle.waits = self.freed.iter().zip(later).map(|(freed, taken)| between(*freed, *taken)).collect();
        idle
    }
}

impl Idleness {
    /// Adds another rollout's.
    pub(super) fn add(&mut self, other: Self) {
        self.span += other.span;
        self.any_free += other.any_free;
        self.mean_free += other.mean_free;
        self.waits.extend(other.waits);
    }

    /// The share of the time in which a slot was free and a candidate there.
    pub(super) fn share(&self) -> f64 {
        ratio(self.any_free, self.span)
    }

    /// The share of the slots' time in which they were free.
    pub(super) fn mean_share(&self) -> f64 {
        ratio(self.mean_free, self.span)
    }

    /// The wait that this share of the slots did not exceed; `None` without any.
    pub(super) fn wait(&self, share: f64) -> Option<Duration> {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        let passed = waits.iter().enumerate().find(|(at, _)| (at + 1) as f64 >= share * waits.len() as f64);
        passed.map(|(_, wait)| *wait)
    }
}

/// One duration as a multiple of another; 0 of none.
pub(super) fn ratio(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

/// The time from one moment to a later one, 0 when it is earlier.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
    }

    fn course(slots: usize, taken: &[i64], freed: &[i64]) -> Idleness {
        let stamps = |all: &[i64]| all.iter().map(|ms| at(*ms)).collect();
        Course { begins: at(0), taken: stamps(taken), freed: stamps(freed), slots }.idleness()
    }

    #[test]
    fn a_slot_is_idle_from_the_beginning_and_after_each_replacement() {
        let idle = course(1, &[10, 60], &[50, 100]);
        assert_eq!(idle.span, Duration::from_millis(60));
        assert_eq!(idle.any_free, Duration::from_millis(20), "10 ms at first, 10 ms between");
        assert_eq!(idle.waits, [Duration::from_millis(10)]);
        assert!((idle.share() - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_idle_once_there_is_no_candidate() {
        let idle = course(2, &[0, 0], &[50, 90]);
        assert_eq!((idle.span, idle.any_free), (Duration::ZERO, Duration::ZERO));
        assert_eq!(course(2, &[], &[]), Idleness::default());
    }

    #[test]
    fn one_free_slot_of_many_counts_in_part() {
        let idle = course(4, &[0, 0, 0, 0, 30], &[10, 50, 50, 50, 60]);
        assert_eq!(idle.any_free, Duration::from_millis(20));
        assert_eq!(idle.mean_free, Duration::from_millis(5));
    }

    #[test]
    fn waits_are_ranked() {
        let waits = (1..=100).map(Duration::from_millis).rev().collect();
        let idle = Idleness { waits, ..Idleness::default() };
        assert_eq!(idle.wait(0.5), Some(Duration::from_millis(50)));
        assert_eq!(idle.wait(0.99), Some(Duration::from_millis(99)));
        assert_eq!(Idleness::default().wait(0.5), None);
    }
}
