//! How many workloads were deleted lately. Nobody writes that down: of the time before this process acted the worst is assumed.

use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::memory::Memory;
use crate::observe::Snapshot;

/// Older deletions do not count.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(2);

/// Brings to mind what was deleted of a YurtAppSet, the first time what may have been.
pub(crate) fn recall(context: &Context, snapshot: &Snapshot, memory: &mut Memory) {
    let deleted = memory.deleted.get_or_insert_with(|| {
        let began = context.began();
        let made = snapshot.set.metadata.creation_timestamp.as_ref().map(|made| made.0);
        if made.is_some_and(|made| made >= began) {
            return Vec::new();
        }
        let percent = usize::from(context.config.deletions.percent_per_minute);
        vec![began; spent(snapshot.children().len(), percent)]
    });
    let now = snapshot.now;
    deleted.retain(|at: &Timestamp| now.duration_since(*at) < REMEMBERED);
}

/// After so many deletions that left so many workloads, none more are allowed.
fn spent(left: usize, percent: usize) -> usize {
    // deleted ≥ (left + deleted) · percent / 100, rounded up.
    let rest = 100_usize.saturating_sub(percent);
    if rest == 0 { 0 } else { left.saturating_mul(percent).div_ceil(rest).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_assumed_leaves_nothing_for_the_minute() {
        for (left, percent) in [(0, 10), (1, 10), (9, 10), (10, 10), (1_000, 10), (7, 33), (20, 99)] {
            let deleted = spent(left, percent);
            let allowed = ((left + deleted) * percent).div_ceil(100).max(1);
            assert!(deleted >= allowed, "{left} left, {percent} %: {deleted} of {allowed}");
        }
        assert_eq!(spent(10, 100), 0, "without a bound there is nothing to assume");
    }
}
