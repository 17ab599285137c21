//! Waits before a stream is asked for again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// After the first failure. One that goes away by itself, such as a replica that shuts down, costs no more.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait. A server that comes back meets all of its clients within so long.
const LONGEST: Duration = Duration::from_secs(5);

/// The wait after so many failures in a row (from 1), scattered over its upper half: clients that lost the same server do not
/// come to the next one together.
pub(super) fn after(failures: u32) -> Duration {
    scattered(failures, random_share())
}

/// A wait after a stream that ended in order.
pub(super) fn moment() -> Duration {
    FIRST.mul_f64(random_share())
}

fn scattered(failures: u32, share: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST).mul_f64(0.5 + share / 2.0)
}

/// A number in `0.0..1.0`, from the hasher's keys: scatter needs no better source.
fn random_share() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let full: Vec<_> = (0..9).map(|failures| scattered(failures, 1.0).as_millis()).collect();
        assert_eq!(full, [100, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(scattered(u32::MAX, 0.0), LONGEST / 2);
        assert!(moment() < FIRST);
    }
}
