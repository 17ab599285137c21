//! Plans of looks at which nothing was to be written: until something changes that a plan depends on, the next one is the same. Most
//! looks are for counts of pods, which are no such thing, and a plan for a thousand pools costs more than everything else of a look.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::Snapshot;
use crate::memory::Memory;
use crate::plan::{Plan, Read, Standing};
use crate::pools::Pool;
use crate::rollout::Turn;

/// The turns of one look: that without waves, and that of the run.
const TURNS: usize = 2;

/// What was planned, and of what.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    basis: Option<Basis>,
    turns: Vec<(Turn, Plan)>,
}

/// Everything that a plan at rest depends on, but for the turn: neither time nor counts.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    pools: Arc<[Pool]>,
    rest: u64,
}

impl Planned {
    /// The plan of this turn, if it is known.
    pub(super) fn recall(&self, basis: &Basis, turn: &Turn) -> Option<Plan> {
        let same = self.basis.as_ref().is_some_and(|known| known.is(basis));
        let known = self.turns.iter().filter(|_| same).find(|(known, _)| known == turn);
        known.map(|(_, plan)| plan.clone())
    }

    /// Notes a plan, if it leaves nothing to do and waits for no time to come.
    pub(super) fn note(&mut self, basis: &Basis, turn: &Turn, plan: &Plan) {
        if !self.basis.as_ref().is_some_and(|known| known.is(basis)) {
            *self = Self { basis: Some(basis.clone()), turns: Vec::new() };
        }
        if is_at_rest(plan) {
            if self.turns.len() >= TURNS {
                self.turns.remove(0);
            }
            self.turns.push((turn.clone(), plan.clone()));
        }
    }
}

impl Basis {
    /// What a snapshot is a basis of; `None` if it was read to be acted upon.
    pub(super) fn of(snapshot: &Snapshot, memory: &mut Memory) -> Option<Self> {
        if snapshot.read == Read::Quorum {
            return None;
        }
        let set = &snapshot.set;
        let mut rest = DefaultHasher::new();
        (&set.metadata.uid, set.metadata.generation, &set.metadata.annotations, snapshot.floor).hash(&mut rest);
        set.metadata.deletion_timestamp.is_some().hash(&mut rest);
        set.status.as_ref().map(|status| (&status.current_revision, status.collision_count)).hash(&mut rest);
        match &snapshot.standing {
            Standing::Acting => None,
            Standing::Held(why) => Some(why),
        }
        .hash(&mut rest);
        for revision in &snapshot.history {
            (&revision.uid, revision.number, &revision.controller, revision.leaving).hash(&mut rest);
        }
        for child in snapshot.children() {
            (&child.uid, child.kind, child.leaving, child.fingerprint).hash(&mut rest);
        }
        memory.trials.refused(set.metadata.generation).hash(&mut rest);
        memory.trials.taken().hash(&mut rest);
        memory.occupied.names().hash(&mut rest);
        // In no order.
        let stubborn = memory.stubborn.iter().map(|left| {
            let mut one = DefaultHasher::new();
            left.hash(&mut one);
            one.finish()
        });
        stubborn.fold(0, |all, one| all ^ one).hash(&mut rest);
        Some(Self { pools: snapshot.pools.clone(), rest: rest.finish() })
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pools, &other.pools) && self.rest == other.rest
    }
}

fn is_at_rest(plan: &Plan) -> bool {
    let Plan { steps, spared, confirm, retired, revisit, .. } = plan;
    steps.is_empty() && spared.is_empty() && !confirm && retired.is_empty() && revisit.is_none()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::{Hold, Released};

    fn turn(released: Released) -> Turn {
        Turn { released, returns: BTreeMap::new(), last_completed: None, max_unavailable: None }
    }

    #[test]
    fn a_plan_at_rest_is_known_while_nothing_changes_that_it_depends_on() {
        let pools: Arc<[Pool]> = [Pool::new("a", [])].into();
        let basis = |rest| Basis { pools: pools.clone(), rest };
        let (unbound, all) = (turn(Released::Unbound), turn(Released::All));
        let held = Plan { holds: [("a".to_owned(), Hold::Wave("w".to_owned()))].into(), ..Plan::default() };
        let mut planned = Planned::default();
        assert_eq!(planned.recall(&basis(1), &unbound), None);
        planned.note(&basis(1), &unbound, &held);
        planned.note(&basis(1), &all, &Plan { confirm: true, ..Plan::default() });
        assert_eq!(planned.recall(&basis(1), &unbound), Some(held.clone()));
        assert_eq!(planned.recall(&basis(1), &all), None, "there is something to be done");
        assert_eq!(planned.recall(&basis(2), &unbound), None);
        let others = Basis { pools: [Pool::new("a", [])].into(), rest: 1 };
        assert_eq!(planned.recall(&others, &unbound), None, "a NodePool changed");
        planned.note(&basis(2), &all, &held);
        assert_eq!((planned.recall(&basis(1), &unbound), planned.recall(&basis(2), &all)), (None, Some(held)));
    }
}
