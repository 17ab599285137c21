//! NodePools as the watch sends them.

use std::collections::BTreeMap;

use controller_runtime::mirror::Mirrored;
use controller_runtime::watch::{ResourceVersion, Versioned};
use planner::fleet::{Name, Uid};
use serde::{Deserialize, Deserializer};

use crate::pools::Pool;

/// A NodePool, as far as it is of interest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeenPool {
    version: ResourceVersion,
    pub(crate) pool: Pool,
}

impl Versioned for SeenPool {
    fn resource_version(&self) -> ResourceVersion {
        self.version
    }
}

impl Mirrored for SeenPool {
    /// Its name.
    type Owner = Name;

    fn uid(&self) -> Uid {
        self.pool.uid
    }

    fn belongs_to(&self) -> Option<Name> {
        Some(self.pool.name.as_str().into())
    }

    /// How many nodes are Ready does not matter, as long as there is one.
    fn is_like(&self, older: &Self) -> bool {
        self.pool == older.pool
    }
}

impl<'de> Deserialize<'de> for SeenPool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object { metadata, status } = Object::deserialize(deserializer)?;
        let labels = metadata.labels.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
        let ready = status.and_then(|status| status.ready_node_num);
        let uid = metadata.uid.parse().unwrap_or_default();
        Ok(Self { version: metadata.resource_version, pool: Pool::new(&metadata.name, labels).seen(uid, ready) })
    }
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    uid: String,
    resource_version: ResourceVersion,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    ready_node_num: Option<i64>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(labels: &serde_json::Value, status: &serde_json::Value) -> SeenPool {
        let metadata = json!({"name": "shop", "uid": "u", "resourceVersion": "1", "labels": labels});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"type": "Edge"}, "status": status})).unwrap()
    }

    #[test]
    fn only_labels_and_being_reachable_at_all_matter() {
        let pool = |ready: i64| seen(&json!({"tier": "lab"}), &json!({"readyNodeNum": ready}));
        assert!(pool(1).is_like(&pool(2)) && !pool(0).is_like(&pool(1)));
        assert_eq!((pool(0).pool.reachable, seen(&json!(null), &json!(null)).pool.reachable), (false, true));
        assert!(!seen(&json!({"tier": "shop"}), &json!({"readyNodeNum": 1})).is_like(&pool(1)));
        assert_eq!(pool(1).belongs_to().as_deref(), Some("shop"));
    }
}
