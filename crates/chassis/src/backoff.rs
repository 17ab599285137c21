//! Waits that double and scatter, shared by everything that tries again.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// The bounds of a doubling wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row (from 1): `first`, doubled for each further one, at most
    /// `longest`, scattered over its upper half so that replicas and keys that failed together do not return together.
    pub fn after(self, failures: u32) -> Duration {
        self.scattered(failures, random_share())
    }

    /// A short wait, below `first`, after what ended in order: those that it ended for do not come back together.
    pub fn moment(self) -> Duration {
        self.first.mul_f64(random_share())
    }

    fn scattered(self, failures: u32, share: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        full.mul_f64(0.5 + share / 2.0)
    }
}

/// A number in `0.0..1.0` from the hasher's per-process keys: scatter needs no better source, and no dependency.
fn random_share() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };
        let full: Vec<_> = (0..9).map(|failures| backoff.scattered(failures, 1.0).as_millis()).collect();
        assert_eq!(full, [100, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.scattered(u32::MAX, 0.0), Duration::from_millis(2500));
        assert!(backoff.moment() < backoff.first);
    }

    #[test]
    fn scatter_scatters() {
        let shares: Vec<_> = (0..50).map(|_| random_share()).collect();
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
        assert!(shares.iter().any(|share| *share < 0.5) && shares.iter().any(|share| *share >= 0.5), "{shares:?}");
    }
}
