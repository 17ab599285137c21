//! How often something may happen: a token bucket for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets each key act `per_second` times a second, and `burst` times at once after a pause.
pub(super) struct Pace<K> {
    /// How long one action is paid off.
    each: Duration,
    /// What may be owed at most.
    credit: Duration,
    /// When each key will owe nothing any more.
    even: Mutex<HashMap<K, Instant>>,
}

/// Keys remembered. Those who owe nothing are forgotten first; if all owe, everybody is forgiven: memory is bounded.
const KEYS: usize = 20_000;

impl<K: Eq + Hash> Pace<K> {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let each = Duration::from_secs(1) / per_second.max(1);
        Self { each, credit: each * burst.max(1), even: Mutex::default() }
    }

    /// Whether `key` may act now; if so, that is charged.
    pub(super) fn take(&self, key: K, now: Instant) -> bool {
        let mut even = self.even.lock().unwrap_or_else(PoisonError::into_inner);
        let after = even.get(&key).copied().unwrap_or(now).max(now) + self.each;
        if after > now + self.credit {
            return false;
        }
        if even.len() >= KEYS && !even.contains_key(&key) {
            even.retain(|_, even| *even > now);
            if even.len() >= KEYS {
                even.clear();
            }
        }
        even.insert(key, after);
        true
    }

    /// Whether `key` could act now. Charges nothing.
    pub(super) fn has_credit(&self, key: &K, now: Instant) -> bool {
        let even = self.even.lock().unwrap_or_else(PoisonError::into_inner);
        even.get(key).is_none_or(|even| *even + self.each <= now + self.credit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_only_the_rate() {
        let (pace, start) = (Pace::new(10, 3), Instant::now());
        let taken = |now| (0..100).filter(|_| pace.take("a", now)).count();
        assert_eq!(taken(start), 3);
        assert!(!pace.has_credit(&"a", start) && pace.has_credit(&"b", start));
        assert!(pace.take("b", start), "each key has its own");
        assert_eq!(taken(start + Duration::from_millis(99)), 0);
        assert_eq!(taken(start + Duration::from_millis(200)), 2);
        assert_eq!(taken(start + Duration::from_hours(1)), 3, "a pause saves up no more than the burst");
    }

    #[test]
    fn the_keys_are_bounded() {
        let (pace, start) = (Pace::new(1, 1), Instant::now());
        for key in 0..3 * KEYS {
            assert!(pace.take(key, start));
        }
        assert!(pace.even.lock().unwrap().len() <= KEYS);
    }
}
