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
        let made = snapshot.set.metadata.creation_timestamp.as_ref().map(|made| made.0);
        let percent = usize::from(context.config.deletions.percent_per_minute);
        assumed(context.began(), made, snapshot.children().len(), percent)
    });
    let now = snapshot.now;
    deleted.retain(|at: &Timestamp| now.duration_since(*at) < REMEMBERED);
}

/// What may have been deleted, before a process began to act, of a YurtAppSet that was made then and has so many workloads left.
fn assumed(began: Timestamp, made: Option<Timestamp>, left: usize, percent: usize) -> Vec<Timestamp> {
    let is_younger = made.is_some_and(|made| made >= began);
    vec![began; if is_younger { 0 } else { spent(left, percent) }]
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
    use crate::plan::Read;
    use crate::plan::tests::world::World;

    #[test]
    fn who_begins_deletes_nothing_for_a_minute_but_of_what_was_made_later() {
        let names: Vec<_> = (0..20).map(|index| format!("pool-{index:02}")).collect();
        let mut world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
        world.settle();
        world.choose(&[]);
        let (began, second) = (world.now, SignedDuration::from_secs(1));
        let goes = |world: &World| world.plan(Read::Quorum).steps.len();
        for made in [None, Some(began - second)] {
            world.deleted = assumed(began, made, 20, 10);
            world.now = began + SignedDuration::from_secs(59);
            assert_eq!(goes(&world), 0);
            world.now += second;
            assert_eq!(goes(&world), 2);
        }
        world.deleted = assumed(began, Some(began), 20, 10);
        assert_eq!(goes(&world), 2, "it knows all that was done to it");
    }

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
