//! YurtAppSets as the watch sends them.

use std::sync::Arc;

use api::yurt_app_set::YurtAppSet;
use controller_runtime::events::Subject;
use controller_runtime::mirror::Mirrored;
use controller_runtime::watch::{ResourceVersion, Versioned};
use planner::fleet::{Name, Uid};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::key;

/// The API version under which Drover names YurtAppSets.
const API_VERSION: &str = "apps.openyurt.io/v1beta1";

/// What `kubectl apply` keeps there is a second copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A YurtAppSet, or an object of that kind that cannot be read as one: it must not be taken for one that is not there.
#[derive(Debug, Clone)]
pub(crate) struct SeenSet {
    pub(crate) uid: Uid,
    version: ResourceVersion,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) read: Result<Arc<YurtAppSet>, Unreadable>,
}

/// An object that is not what its kind says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the YurtAppSet cannot be read, so that nothing is done for it: {0}")]
pub(crate) struct Unreadable(String);

impl SeenSet {
    /// By what everything of it is looked up.
    pub(crate) fn key(&self) -> Name {
        key(&self.namespace, &self.name)
    }

    /// Its version, as a precondition.
    pub(crate) const fn version(&self) -> ResourceVersion {
        self.version
    }

    /// The YurtAppSet, as events name it.
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            api_version: API_VERSION.to_owned(),
            kind: "YurtAppSet".to_owned(),
            namespace: Some(self.namespace.clone()),
            name: self.name.clone(),
            uid: self.uid.to_string(),
        }
    }
}

impl Versioned for SeenSet {
    fn resource_version(&self) -> ResourceVersion {
        self.version
    }
}

impl Mirrored for SeenSet {
    /// `<namespace>/<name>`.
    type Owner = Name;

    fn uid(&self) -> Uid {
        self.uid
    }

    fn belongs_to(&self) -> Option<Name> {
        Some(self.key())
    }

    fn is_like(&self, older: &Self) -> bool {
        match (&self.read, &older.read) {
            (Ok(one), Ok(other)) => {
                let (meta, before) = (&one.metadata, &other.metadata);
                (meta.generation, &meta.deletion_timestamp, &meta.labels, &meta.annotations)
                    == (before.generation, &before.deletion_timestamp, &before.labels, &before.annotations)
                    && (&one.spec, &one.status) == (&other.spec, &other.status)
            }
            (Err(one), Err(other)) => one == other,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }
}

impl<'de> Deserialize<'de> for SeenSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let (namespace, name, uid) = (text("namespace"), text("name"), text("uid").parse().unwrap_or_default());
        let version = ResourceVersion(text("resourceVersion").parse().unwrap_or_default());
        let read = serde_json::from_value(object).map(slim).map_err(|error| Unreadable(error.to_string()));
        Ok(Self { uid, version, namespace, name, read })
    }
}

/// Without what only takes room.
fn slim(mut set: YurtAppSet) -> Arc<YurtAppSet> {
    set.metadata.managed_fields = None;
    if let Some(annotations) = &mut set.metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
    Arc::new(set)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(version: &str, spec: &Value) -> SeenSet {
        let metadata = json!({
            "namespace": "edge", "name": "web", "uid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "resourceVersion": version,
            "annotations": {LAST_APPLIED: version}, "managedFields": [{"manager": version}],
        });
        serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
    }

    #[test]
    fn what_cannot_be_read_does_not_hide() {
        let odd = seen("5", &json!({"pools": {"not": "a list"}}));
        assert_eq!((&*odd.key(), odd.version), ("edge/web", ResourceVersion(5)));
        let why = odd.read.clone().unwrap_err().to_string();
        assert!(why.contains("cannot be read") && why.contains("invalid type"), "{why}");
        assert!(!odd.is_like(&seen("5", &json!({}))) && odd.is_like(&odd));
    }

    #[test]
    fn what_nobody_reads_is_no_change_and_takes_no_room() {
        let (one, other) = (seen("5", &json!({"pools": ["a"]})), seen("6", &json!({"pools": ["a"]})));
        assert!(one.is_like(&other) && !one.is_like(&seen("7", &json!({"pools": ["b"]}))));
        let set = one.read.unwrap();
        assert_eq!((&set.metadata.managed_fields, &set.metadata.annotations), (&None, &Some([].into())));
    }
}
