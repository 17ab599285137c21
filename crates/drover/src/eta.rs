//! When a run will be done, from its own pace.
//!
//! A status holds no clocks that tick, so who reads it computes this. The pace is what the pods show: each pod of the
//! revision was created when its unit was restarted. The last [`LOOK_BACK`] restarts are cut into blocks; the time that a
//! unit took in the median block gives the likely end (p50), the slow block's the cautious one (p90). Slow start begins
//! slowly, so early estimates are too late rather than too early. To that is added what is known to come: the time in which
//! the last units settle, and soak. Approvals, closed windows, pauses and offline nodes last as long as somebody wants, so
//! there is no estimate while one of them holds, and none is in it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// As many restarts tell the pace: enough to see through one slow unit, few enough to follow a slow start.
const LOOK_BACK: usize = 64;
/// With fewer, nothing is known.
const FEWEST: usize = 4;
/// As many blocks, so that there is a slow one.
const BLOCKS: usize = 8;

/// How much longer a run will take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Eta {
    /// As likely sooner as later.
    pub p50_seconds: u64,
    /// If it goes on as slowly as it sometimes did.
    pub p90_seconds: u64,
}

/// What the estimate is made of.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// When units were restarted, in any order.
    pub restarts: Vec<Timestamp>,
    /// Reachable units that are still to be restarted.
    pub left: usize,
    /// Units under way that have not settled.
    pub unsettled: usize,
    /// How long a unit takes from its restart until it settles.
    pub settle: Duration,
    /// Soak that is still to come, of all waves together.
    pub soak: Duration,
}

impl Eta {
    /// The estimate; `None` while there is nothing to go by.
    pub fn of(pace: &Pace, now: Timestamp) -> Option<Self> {
        let tail = pace.soak + if pace.left + pace.unsettled > 0 { pace.settle } else { Duration::ZERO };
        if pace.left == 0 {
            return Some(Self { p50_seconds: tail.as_secs(), p90_seconds: tail.as_secs() });
        }
        let mut restarts = pace.restarts.clone();
        restarts.sort_unstable();
        let recent = &restarts[restarts.len().saturating_sub(LOOK_BACK)..];
        if recent.len() < FEWEST {
            return None;
        }
        let mut per_unit = blocks(recent);
        per_unit.sort_by(f64::total_cmp);
        let last = recent.last().map_or(0.0, |last| now.duration_since(*last).as_secs_f64().max(0.0));
        let ends = |at: usize| {
            let whole = per_unit[at] * pace.left as f64;
            // Waiting for the next one has begun already.
            let rest = (whole - last.min(per_unit[at])).max(0.0);
            (Duration::from_secs_f64(rest) + tail).as_secs()
        };
        Some(Self { p50_seconds: ends(per_unit.len() / 2), p90_seconds: ends(per_unit.len() * 9 / 10) })
    }
}

/// Seconds per unit in each of a few blocks of sorted restarts.
fn blocks(restarts: &[Timestamp]) -> Vec<f64> {
    let gaps: Vec<f64> = restarts.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64()).collect();
    let size = gaps.len().div_ceil(BLOCKS).max(1);
    // Restarts come in bursts, as slots are freed together: a block smaller than a burst would show no time at all.
    gaps.chunks(size.max(3)).map(|block| block.iter().sum::<f64>() / block.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn every(seconds: i64, count: i64) -> Vec<Timestamp> {
        (0..count).map(|at| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(at * seconds)).collect()
    }

    fn pace(restarts: Vec<Timestamp>, left: usize) -> Pace {
        Pace { restarts, left, settle: Duration::from_mins(1), ..Pace::default() }
    }

    #[test]
    fn an_even_pace_goes_on() {
        let restarts = every(10, 30);
        let now = restarts[29];
        let eta = Eta::of(&pace(restarts, 12), now).unwrap();
        assert_eq!(eta, Eta { p50_seconds: 120 + 60, p90_seconds: 120 + 60 });
    }

    #[test]
    fn an_uneven_pace_has_a_slow_end() {
        let mut restarts = every(10, 30);
        let from = restarts[29];
        restarts.extend((1..=10).map(|at| from + SignedDuration::from_secs(at * 40)));
        let now = *restarts.last().unwrap();
        let eta = Eta::of(&pace(restarts, 10), now).unwrap();
        assert!(eta.p50_seconds < eta.p90_seconds && eta.p90_seconds == 400 + 60, "{eta:?}");
    }

    #[test]
    fn nothing_is_known_of_a_run_that_has_hardly_begun() {
        let restarts = every(10, 3);
        let now = restarts[2];
        assert_eq!(Eta::of(&pace(restarts, 20), now), None);
    }

    #[test]
    fn what_is_left_in_the_end_is_settling_and_soak() {
        let pace = Pace {
            unsettled: 2,
            settle: Duration::from_mins(1),
            soak: Duration::from_mins(10),
            ..pace(every(1, 9), 0)
        };
        assert_eq!(Eta::of(&pace, Timestamp::UNIX_EPOCH).unwrap(), Eta { p50_seconds: 660, p90_seconds: 660 });
        let done = Pace { unsettled: 0, soak: Duration::ZERO, ..pace };
        assert_eq!(Eta::of(&done, Timestamp::UNIX_EPOCH).unwrap().p90_seconds, 0);
    }
}
