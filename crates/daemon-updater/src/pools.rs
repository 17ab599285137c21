//! The labels of NodePools, by which strategies choose pools. A cluster need not know NodePools: then pools have no labels.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::node_pool::NodePool;
use controller_runtime::mirror::{Mirror, Mirrored};
use controller_runtime::watch::{ResourceVersion, Versioned, WatchTarget};
use planner::fleet::{Name, Uid};
use planner::strategy::PoolLabels;
use serde::Deserialize;

/// All NodePools, as far as strategies ask for them.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    /// The objects.
    pub(crate) mirror: Mirror<Pool>,
    /// Their labels by name, until one of them changes.
    labels: Mutex<Option<Arc<[PoolLabels]>>>,
}

/// A NodePool, without its spec and status.
#[derive(Deserialize, Debug, Default, PartialEq)]
#[serde(default)]
pub(crate) struct Pool {
    metadata: Metadata,
}

#[derive(Deserialize, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    uid: String,
    resource_version: ResourceVersion,
    labels: Option<BTreeMap<String, String>>,
}

impl Versioned for Pool {
    fn resource_version(&self) -> ResourceVersion {
        self.metadata.resource_version
    }
}

impl Mirrored for Pool {
    type Owner = Name;

    fn uid(&self) -> Uid {
        self.metadata.uid.parse().unwrap_or_default()
    }

    fn belongs_to(&self) -> Option<Name> {
        Some(self.name())
    }

    fn is_like(&self, older: &Self) -> bool {
        self.metadata.labels == older.metadata.labels
    }
}

impl Pool {
    fn name(&self) -> Name {
        self.metadata.name.as_str().into()
    }

    fn labels(&self) -> PoolLabels {
        let pairs = self.metadata.labels.iter().flatten();
        PoolLabels {
            pool: self.name(),
            labels: pairs.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
        }
    }
}

impl Pools {
    /// What is watched.
    pub(crate) fn target() -> WatchTarget {
        WatchTarget::of::<NodePool>(None).optional()
    }

    /// The labels of all pools, sorted by pool.
    pub(crate) fn labels(&self) -> Arc<[PoolLabels]> {
        let all = || {
            let mut all: Vec<_> = self.mirror.all().iter().map(|pool| pool.labels()).collect();
            all.sort_unstable_by(|a, b| a.pool.cmp(&b.pool));
            all.into()
        };
        self.known().get_or_insert_with(all).clone()
    }

    /// A NodePool changed.
    pub(crate) fn changed(&self) {
        *self.known() = None;
    }

    fn known(&self) -> MutexGuard<'_, Option<Arc<[PoolLabels]>>> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pool(name: &str, uid: u128, labels: &serde_json::Value) -> Pool {
        let uid = Uid::from_u128(uid).to_string();
        let object = json!({"metadata": {"name": name, "uid": uid, "resourceVersion": "7", "labels": labels}, "spec": {"type": "Edge"}});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn labels_are_sorted_and_follow_the_objects() {
        let pools = Pools::default();
        assert!(pools.labels().is_empty());
        pools.mirror.note(pool("b", 2, &json!({"tier": "lab", "site": "x"})));
        pools.mirror.note(pool("a", 1, &json!(null)));
        pools.changed();
        let labels = pools.labels();
        let names: Vec<_> = labels.iter().map(|pool| (&*pool.pool, pool.labels.len())).collect();
        assert_eq!(names, [("a", 0), ("b", 2)]);
        assert_eq!(labels[1].labels, [("site".into(), "x".into()), ("tier".into(), "lab".into())]);
    }

    #[test]
    fn only_labels_are_news() {
        let before = pool("a", 1, &json!({"tier": "lab"}));
        assert!(pool("a", 1, &json!({"tier": "lab"})).is_like(&before));
        assert!(!pool("a", 1, &json!({"tier": "shop"})).is_like(&before));
    }
}
