//! What a plan found of pools, so that the next one need not render and compare them again: of a thousand pools a look most often
//! finds one that changed, and counts of pods are nothing that a workload is compared by.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Action, Input};
use crate::children::Member;
use crate::drift::Difference;
use crate::pools::Pool;
use crate::revisions::Current;

/// What was found, by pool. It counts for the same revision and bound only, and for each pool as long as everything that its workload
/// is compared by is the same.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    basis: u64,
    pools: HashMap<String, (u64, Found)>,
}

/// What was found of a pool.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// Its workload is what it is to be.
    Done,
    /// It is not, and may be made so, but is what it was to be of its own revision. The tweaks about the pool, by their places.
    Waits(Vec<usize>),
    /// It is not, and is made so by this, which may be done. The tweaks about the pool, by their places.
    Writes(Vec<usize>, Action),
}

impl Known {
    /// Nothing yet of this revision.
    pub(super) fn of(input: &Input<'_>, current: Option<&Current>) -> Self {
        let mut basis = DefaultHasher::new();
        let metadata = &input.set.metadata;
        (&metadata.uid, metadata.generation, current.map(|current| &current.name)).hash(&mut basis);
        input.max_unavailable.map(api::amount::IntOrPercent).map(|most| most.to_string()).hash(&mut basis);
        Self { basis: basis.finish(), pools: HashMap::new() }
    }

    /// What an earlier plan of the same revision found of a pool, if nothing changed in it since.
    pub(super) fn recall(&self, earlier: &Self, pool: &Pool, state: u64) -> Option<Found> {
        let (then, found) = earlier.pools.get(&pool.name).filter(|_| self.basis == earlier.basis)?;
        (*then == state).then(|| found.clone())
    }

    /// Notes what was found of a pool.
    pub(super) fn note(&mut self, pool: &Pool, state: u64, found: Found) {
        self.pools.insert(pool.name.clone(), (state, found));
    }
}

/// Everything of a pool that its workload is rendered from and compared by.
pub(super) fn state(pool: &Pool, member: Member<'_>, stubborn: Option<&BTreeSet<Difference>>) -> u64 {
    let mut state = DefaultHasher::new();
    let child = member.child;
    (pool.labels(), member.orphan, stubborn).hash(&mut state);
    (&child.uid, child.leaving, child.fingerprint).hash(&mut state);
    state.finish()
}
