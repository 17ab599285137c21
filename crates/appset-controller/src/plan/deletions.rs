//! Which workloads go: those in pools that are not chosen any more, and those that are too many in a pool. Never because a list came
//! back empty or short, and never many at once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Action, Hold, Input, Plan, Read, Standing, Step};
use crate::children::{Child, Family};
use crate::pools::Selection;

/// For how long a deletion counts.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// How many workloads may be deleted within a minute.
#[derive(Debug, Clone, Copy)]
pub struct Pace<'a> {
    /// Per cent of the YurtAppSet's workloads, rounded up, at least one; 0 deletes none.
    pub percent: u32,
    /// When workloads of the YurtAppSet were deleted last. A process that has just started, and does not know, counts its start as
    /// so many deletions as it may have forgotten.
    pub recent: &'a [Timestamp],
    /// The names of workloads whose deletion failed last, in the order in which it was tried: they come after all others.
    pub failed: &'a [String],
}

/// Adds deletions to a plan, and holds for those that have to wait.
pub(super) fn plan(plan: &mut Plan, input: &Input<'_>, selection: &Selection<'_>, family: &Family<'_>) {
    let mut unwanted = unwanted(selection, family);
    unwanted.sort_by_cached_key(|(_, child, _)| input.pace.failed.iter().position(|failed| *failed == child.name));
    let mut quota = Quota::of(input, family.controlled().count());
    for (pool, child, kept) in unwanted {
        let hold = match (&input.standing, input.read, kept) {
            (Standing::Held(why), ..) => Some(Hold::Standing(why.clone())),
            (Standing::Acting, _, Some(kept)) if kept.leaving || !kept.is_ready() => {
                Some(Hold::Surplus { pool: pool.to_owned(), kept: kept.name.clone() })
            }
            // Nothing is read with quorum for what has to wait in any case.
            (Standing::Acting, ..) if quota.is_spent() => {
                plan.revisit = plan.revisit.into_iter().chain(quota.look_again(input.now)).min();
                Some(quota.hold())
            }
            (Standing::Acting, Read::Mirror, _) => {
                plan.confirm = true;
                Some(Hold::Unconfirmed)
            }
            (Standing::Acting, Read::Quorum, _) => {
                quota.deleted += 1;
                None
            }
        };
        let Some(hold) = hold else {
            let action = Action::Delete { kind: child.kind, name: child.name.clone(), uid: child.uid.clone() };
            plan.steps.push(Step { pool: pool.to_owned(), action });
            continue;
        };
        plan.spared.insert(child.name.clone(), hold);
    }
}

/// By name, with the workload that stays in the pool, if there is one.
fn unwanted<'a>(selection: &Selection<'_>, family: &Family<'a>) -> Vec<(&'a str, &'a Child, Option<&'a Child>)> {
    let unchosen = family
        .members
        .iter()
        .filter(|(pool, member)| !selection.pools.contains_key(**pool) && !member.orphan && !member.child.leaving);
    let unchosen = unchosen.map(|(pool, member)| (member.child.name.as_str(), (*pool, member.child, None)));
    let surplus = family.surplus.iter().map(|(pool, child)| {
        let kept = family.members.get(pool).map(|member| member.child).filter(|_| selection.pools.contains_key(pool));
        (child.name.as_str(), (*pool, *child, kept))
    });
    unchosen.chain(surplus).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// What is left of a pace.
struct Quota {
    deleted: usize,
    allowed: usize,
    /// When the first of those that were deleted does not count any more.
    again: Option<Timestamp>,
}

impl Quota {
    fn of(input: &Input<'_>, workloads: usize) -> Self {
        let recent = || input.pace.recent.iter().filter(|at| input.now.duration_since(**at) < WINDOW);
        let deleted = recent().count();
        // Of those that were there when the minute began.
        let base = workloads.saturating_add(deleted);
        let percent = usize::try_from(input.pace.percent).unwrap_or(usize::MAX);
        let allowed = match percent {
            0 => 0,
            percent => base.saturating_mul(percent).div_ceil(100).max(1),
        };
        let first = recent().min().filter(|_| allowed > 0);
        Self { deleted, allowed, again: first.and_then(|first| first.checked_add(WINDOW).ok()) }
    }

    const fn is_spent(&self) -> bool {
        self.deleted >= self.allowed
    }

    const fn hold(&self) -> Hold {
        let Self { deleted, allowed, again } = *self;
        Hold::Deletions { deleted, allowed, again }
    }

    /// When there may be more again; `None` if never.
    fn look_again(&self, now: Timestamp) -> Option<Timestamp> {
        self.again.or_else(|| now.checked_add(WINDOW).ok()).filter(|_| self.allowed > 0)
    }
}
