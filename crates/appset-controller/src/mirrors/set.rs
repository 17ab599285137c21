//! YurtAppSets as the watch sends them.

use std::sync::Arc;

use api::yurt_app_set::{YurtAppSet, YurtAppSetStatus};
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
    /// Since this version it says what it says, but for its status.
    said: ResourceVersion,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) read: Result<Arc<YurtAppSet>, Unreadable>,
}

/// An object that is not what its kind says.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the YurtAppSet cannot be read, so that nothing is done for it: {why}")]
pub(crate) struct Unreadable {
    why: String,
    pub(crate) generation: Option<i64>,
    /// Its status, if that can be read.
    pub(crate) status: Option<YurtAppSetStatus>,
}

impl SeenSet {
    /// By what everything of it is looked up.
    pub(crate) fn key(&self) -> Name {
        key(&self.namespace, &self.name)
    }

    /// Its version, as a precondition.
    pub(crate) const fn version(&self) -> ResourceVersion {
        self.version
    }

    /// Whether this version says something new, but for its status, which is Drover's own writing most often.
    pub(crate) fn is_news(&self) -> bool {
        self.said == self.version
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

    /// But for the status.
    fn says_the_same_as(&self, older: &Self) -> bool {
        match (&self.read, &older.read) {
            (Ok(one), Ok(other)) => {
                let (meta, before) = (&one.metadata, &other.metadata);
                (meta.generation, &meta.deletion_timestamp, &meta.labels, &meta.annotations)
                    == (before.generation, &before.deletion_timestamp, &before.labels, &before.annotations)
                    && one.spec == other.spec
            }
            (Err(one), Err(other)) => one == other,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
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
        let is_status = match (&self.read, &older.read) {
            (Ok(one), Ok(other)) => one.status == other.status,
            (Ok(_) | Err(_), _) => true,
        };
        is_status && self.says_the_same_as(older)
    }

    fn succeed(&mut self, older: &Self) {
        if self.says_the_same_as(older) {
            self.said = older.said;
        }
    }
}

impl<'de> Deserialize<'de> for SeenSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let (namespace, name, uid) = (text("namespace"), text("name"), text("uid").parse().unwrap_or_default());
        let version = ResourceVersion(text("resourceVersion").parse().unwrap_or_default());
        let read = YurtAppSet::deserialize(&object).map(slim).map_err(|error| Unreadable {
            why: error.to_string(),
            generation: object["metadata"]["generation"].as_i64(),
            status: Option::deserialize(&object["status"]).map(Option::unwrap_or_default).ok(),
        });
        Ok(Self { uid, version, said: version, namespace, name, read })
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
        assert_eq!(odd.read.clone().unwrap_err().status, Some(YurtAppSetStatus::default()));
        assert!(!odd.is_like(&seen("5", &json!({}))) && odd.is_like(&odd));
    }

    #[test]
    fn what_nobody_reads_is_no_change_and_takes_no_room() {
        let (one, other) = (seen("5", &json!({"pools": ["a"]})), seen("6", &json!({"pools": ["a"]})));
        assert!(one.is_like(&other) && !one.is_like(&seen("7", &json!({"pools": ["b"]}))));
        let set = one.read.unwrap();
        assert_eq!((&set.metadata.managed_fields, &set.metadata.annotations), (&None, &Some([].into())));
    }

    #[test]
    fn a_status_is_a_change_but_no_news() {
        let said = |version: &str, spec: &Value, older: Option<&SeenSet>| {
            let mut one = seen(version, spec);
            older.into_iter().for_each(|older| one.succeed(older));
            one
        };
        let (spec, status) = (json!({"pools": ["a"]}), json!({"readyWorkloads": 1}));
        let first = said("5", &spec, None);
        let mut object = json!({"metadata": {
            "namespace": "edge", "name": "web", "uid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "resourceVersion": "6",
            "annotations": {},
        }, "spec": spec});
        object["status"] = status;
        let mut counted: SeenSet = serde_json::from_value(object).unwrap();
        counted.succeed(&first);
        assert!(first.is_news() && !counted.is_news() && !counted.is_like(&first));
        assert!(!said("7", &spec, Some(&counted)).is_news());
        assert!(said("8", &json!({"pools": ["b"]}), Some(&counted)).is_news());
    }
}
