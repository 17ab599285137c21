//! ControllerRevisions of YurtAppSets as the watch sends them.

use api::names::app_set as names;
use controller_runtime::mirror::Mirrored;
use controller_runtime::watch::{ResourceVersion, Versioned};
use planner::fleet::{Name, Uid};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::key;
use crate::revisions::Revision;

/// A ControllerRevision that bears a YurtAppSet's label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeenRevision {
    uid: Uid,
    version: ResourceVersion,
    set: Option<Name>,
    pub(crate) revision: Revision,
}

impl Versioned for SeenRevision {
    fn resource_version(&self) -> ResourceVersion {
        self.version
    }
}

impl Mirrored for SeenRevision {
    /// The YurtAppSet, as `<namespace>/<name>`.
    type Owner = Name;

    fn uid(&self) -> Uid {
        self.uid
    }

    fn belongs_to(&self) -> Option<Name> {
        self.set.clone()
    }

    fn is_like(&self, older: &Self) -> bool {
        (&self.set, &self.revision) == (&older.set, &older.revision)
    }
}

impl<'de> Deserialize<'de> for SeenRevision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        let set = object["metadata"]["labels"][names::SET].as_str();
        Ok(Self {
            uid: text("uid").parse().unwrap_or_default(),
            version: ResourceVersion(text("resourceVersion").parse().unwrap_or_default()),
            set: set.map(|set| key(text("namespace"), set)),
            revision: Revision::read(&object),
        })
    }
}
