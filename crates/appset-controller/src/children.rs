//! The workloads that are there, and whose they are: one for each pool, and what is too many.
//!
//! Nothing is a YurtAppSet's because a label says so. Its own are those that it controls, by UID. A workload without a controller is
//! taken for one of OpenYurt's only if everything that OpenYurt puts on it is there and its pool is chosen and has no other; any
//! other one is left alone, whatever its labels.

mod object;
mod spec;
mod wire;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::names::app_set::{self as names, WorkloadKind};

use crate::render::Owner;
pub use object::{Child, Controller, Counts, Managers};
pub use spec::Spec;
pub(crate) use wire::Object;

/// So much of a `generateName` the API server keeps: a name has 63 characters, of which 5 are random (Kubernetes'
/// `maxGeneratedNameLength`).
const MAX_GENERATE_NAME: usize = 58;

/// The workloads of a YurtAppSet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Family<'a> {
    /// One per pool, by pool: chosen pools and others.
    pub members: BTreeMap<&'a str, Member<'a>>,
    /// Others of a pool that has one already, with the pool: OpenYurt makes them when its cache is behind.
    pub surplus: Vec<(&'a str, &'a Child)>,
    /// Workloads that the YurtAppSet controls and of which nobody can say for which pool they are. They are left alone and reported.
    pub strays: Vec<&'a Child>,
    /// Workloads that it controls and that are not of the kind of its template. While there are any, none is made.
    pub former: Vec<&'a Child>,
    /// All names that are taken, of workloads of the kind, by whoever.
    names: HashMap<&'a str, &'a Child>,
}

/// The workload of a pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member<'a> {
    /// The workload.
    pub child: &'a Child,
    /// It has no controller yet: it is one of OpenYurt's whose YurtAppSet was deleted without it, and is to be adopted.
    pub orphan: bool,
}

impl<'a> Family<'a> {
    /// The workloads of this YurtAppSet, whose workloads are of this kind, among those of its namespace.
    pub fn of(
        owner: &Owner,
        kind: WorkloadKind,
        chosen: &BTreeSet<&str>,
        children: impl IntoIterator<Item = &'a Child>,
    ) -> Self {
        let mut family = Self::default();
        let (mut own, mut orphans): (Vec<(&str, &Child)>, Vec<_>) = (Vec::new(), Vec::new());
        for child in children {
            if child.kind == kind {
                family.names.insert(&child.name, child);
            }
            match (&child.controller, child.pool()) {
                (Some(controller), pool) if controller.is(owner) => match pool {
                    _ if child.kind != kind => family.former.push(child),
                    Some(pool) => own.push((pool, child)),
                    None => family.strays.push(child),
                },
                (None, Some(pool))
                    if child.kind == kind && chosen.contains(pool) && child.is_openyurts(owner, pool) =>
                {
                    orphans.push((pool, child));
                }
                (Some(_) | None, _) => {}
            }
        }
        // Sorted all at once: trees that grow with each of a thousand workloads cost several times as much, at every look.
        let sort = |candidates: &mut Vec<(&'a str, &'a Child)>| {
            candidates.sort_unstable_by_key(|(pool, child)| (*pool, child.precedence()));
        };
        sort(&mut own);
        sort(&mut orphans);
        for candidates in own.chunk_by(|(pool, _), (other, _)| pool == other) {
            family.surplus.extend(candidates.iter().skip(1).filter(|(_, child)| !child.leaving));
        }
        own.dedup_by_key(|(pool, _)| *pool);
        orphans.dedup_by_key(|(pool, _)| *pool);
        family.members = own.into_iter().map(|(pool, child)| (pool, Member { child, orphan: false })).collect();
        for (pool, child) in orphans {
            family.members.entry(pool).or_insert(Member { child, orphan: true });
        }
        family
    }

    /// Who has a name, if anybody.
    pub fn named(&self, name: &str) -> Option<&'a Child> {
        self.names.get(name).copied()
    }

    /// All workloads that the YurtAppSet controls and that are of its kind and not being deleted.
    pub fn controlled(&self) -> impl Iterator<Item = &'a Child> {
        let members =
            self.members.values().filter(|member| !member.orphan && !member.child.leaving).map(|member| member.child);
        members.chain(self.surplus.iter().map(|(_, child)| *child))
    }
}

impl Child {
    /// The pool that it is for: what its selector says, which nobody can change, or else its label or annotation.
    pub fn pool(&self) -> Option<&str> {
        let said = || self.labels.get(names::POOL_NAME).or_else(|| self.annotations.get(names::REF_POOL));
        let known = self.spec.pool().or_else(|| said().map(String::as_str));
        known.filter(|pool| !pool.is_empty())
    }

    /// Which of two in one pool is the pool's: one that stays, then the older one, whose pods are more likely to serve. It does not
    /// depend on anything that changes, or the two would take turns.
    fn precedence(&self) -> (bool, &str, &str) {
        (self.leaving, &self.created, &self.name)
    }

    /// Whether everything is on it that OpenYurt (or Drover) puts on the workload of a pool.
    fn is_openyurts(&self, owner: &Owner, pool: &str) -> bool {
        let label = |key: &str| self.labels.get(key).map(String::as_str);
        let mut prefix = format!("{}-{pool}-", owner.name);
        prefix.truncate(prefix.floor_char_boundary(MAX_GENERATE_NAME));
        let named = self.name.starts_with(&prefix);
        label(names::SET) == Some(&owner.name)
            && label(names::POOL_NAME) == Some(pool)
            && self.annotations.get(names::REF_POOL).map(String::as_str) == Some(pool)
            && self.spec.pool() == Some(pool)
            && (named || self.name == names::workload(self.kind, &owner.name, pool))
            && !self.leaving
    }
}

impl Controller {
    fn is(&self, owner: &Owner) -> bool {
        self.kind == "YurtAppSet" && self.uid == owner.uid
    }
}

#[cfg(test)]
pub(crate) mod tests;
