//! NodePools as the watch sends them.

use api::node_pool::{NodePoolSpec, NodePoolStatus};
use controller_runtime::events::Subject;
use controller_runtime::fleet::Interned;
use controller_runtime::mirror::Mirrored;
use controller_runtime::watch::{ResourceVersion, Versioned};
use jiff::Timestamp;
use planner::fleet::{Name, Uid};
use serde::Deserialize;

use crate::nodes::or_default;

/// The API version under which Drover names NodePools.
pub(crate) const API_VERSION: &str = "apps.openyurt.io/v1beta2";

/// A NodePool, without what nobody here reads.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Pool {
    pub(crate) metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) spec: NodePoolSpec,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) status: NodePoolStatus,
}

/// Who a NodePool is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) name: Interned,
    pub(crate) uid: Uid,
    pub(crate) resource_version: ResourceVersion,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) labels: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) deletion_timestamp: Option<Timestamp>,
}

impl Pool {
    /// Its name.
    pub(crate) fn name(&self) -> &Name {
        &self.metadata.name.0
    }

    /// The pool, as events name it.
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            api_version: API_VERSION.to_owned(),
            kind: "NodePool".to_owned(),
            namespace: None,
            name: self.name().to_string(),
            uid: self.metadata.uid.to_string(),
        }
    }
}

impl Versioned for Pool {
    fn resource_version(&self) -> ResourceVersion {
        self.metadata.resource_version
    }
}

impl Mirrored for Pool {
    type Owner = Name;

    fn uid(&self) -> Uid {
        self.metadata.uid
    }

    fn belongs_to(&self) -> Option<Name> {
        Some(self.name().clone())
    }

    fn is_like(&self, older: &Self) -> bool {
        let Metadata { name: _, uid: _, resource_version: _, labels, deletion_timestamp } = &self.metadata;
        (labels, deletion_timestamp) == (&older.metadata.labels, &older.metadata.deletion_timestamp)
            && (&self.spec, &self.status) == (&older.spec, &older.status)
    }
}
