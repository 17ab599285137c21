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
}

/// Adds deletions to a plan, and holds for those that have to wait.
pub(super) fn plan(plan: &mut Plan, input: &Input<'_>, selection: &Selection<'_>, family: &Family<'_>) {
    let unwanted = unwanted(selection, family);
    let mut quota = Quota::of(input, family.controlled().count());
    for (pool, child, kept) in unwanted {
        let hold = match (&input.standing, input.read, kept) {
            (Standing::Held(why), ..) => Some(Hold::Standing(why.clone())),
            (Standing::Acting, _, Some(kept)) if kept.leaving || !kept.is_ready() => {
                Some(Hold::Surplus { pool: pool.to_owned(), kept: kept.name.clone() })
            }
            (Standing::Acting, Read::Mirror, _) => {
                plan.confirm = true;
                Some(Hold::Unconfirmed)
            }
            (Standing::Acting, Read::Quorum, _) => quota.take(),
        };
        if let Some(Hold::Deletions { again, .. }) = &hold {
            plan.revisit = plan.revisit.into_iter().chain([*again]).min();
        }
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
    again: Timestamp,
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
        let first = recent().min().copied().unwrap_or(input.now);
        Self { deleted, allowed, again: first.checked_add(WINDOW).unwrap_or(first) }
    }

    /// Takes one, or says why there is none.
    fn take(&mut self) -> Option<Hold> {
        if self.deleted >= self.allowed {
            let Self { deleted, allowed, again } = *self;
            return Some(Hold::Deletions { deleted, allowed, again });
        }
        self.deleted += 1;
        None
    }
}
