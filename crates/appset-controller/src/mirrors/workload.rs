//! Deployments and StatefulSets of YurtAppSets as the watch sends them.

use api::names::app_set::{self as names, WorkloadKind};
use controller_runtime::mirror::Mirrored;
use controller_runtime::watch::{ResourceVersion, Versioned};
use planner::fleet::{Name, Uid};
use serde::{Deserialize, Deserializer};

use super::key;
use crate::children::{Child, Object};

/// A Deployment.
pub(crate) type Deployment = Workload<false>;

/// A StatefulSet.
pub(crate) type StatefulSet = Workload<true>;

/// A workload of one of the two kinds: the items of a list do not say of which they are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Workload<const STATEFUL: bool> {
    set: Option<Name>,
    pub(crate) child: Child,
}

impl<const STATEFUL: bool> Workload<STATEFUL> {
    const KIND: WorkloadKind = if STATEFUL { WorkloadKind::StatefulSet } else { WorkloadKind::Deployment };

    /// Whether it says of its pods something else than before.
    fn has_counts_of(&self, older: &Self) -> bool {
        (self.child.counts, self.child.generation) == (older.child.counts, older.child.generation)
    }
}

impl<const STATEFUL: bool> Versioned for Workload<STATEFUL> {
    fn resource_version(&self) -> ResourceVersion {
        ResourceVersion(self.child.resource_version.parse().unwrap_or_default())
    }
}

impl<const STATEFUL: bool> Mirrored for Workload<STATEFUL> {
    /// The YurtAppSet, as `<namespace>/<name>`: the one that controls it, or else the one that its label names.
    type Owner = Name;

    fn uid(&self) -> Uid {
        self.child.id
    }

    fn belongs_to(&self) -> Option<Name> {
        self.set.clone()
    }

    fn is_like(&self, older: &Self) -> bool {
        let Child { labels, annotations, owners, spec, leaving, .. } = &self.child;
        let before = &older.child;
        self.has_counts_of(older)
            && (labels, annotations, owners, leaving)
                == (&before.labels, &before.annotations, &before.owners, &before.leaving)
            && *spec == before.spec
    }
}

impl<'de, const STATEFUL: bool> Deserialize<'de> for Workload<STATEFUL> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Object::deserialize(deserializer)?;
        let namespace = object.namespace().to_owned();
        let child = object.into_child(Self::KIND);
        let controller = child.controller.as_ref().filter(|controller| controller.kind == "YurtAppSet");
        let set = controller.map(|controller| &controller.name).or_else(|| child.labels.get(names::SET));
        Ok(Self { set: set.map(|set| key(&namespace, set)), child })
    }
}
