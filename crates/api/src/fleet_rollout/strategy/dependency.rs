//! What must be up to date before a pool gets its turn.

use planner::strategy as plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Another target, in the same namespace, that goes first.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "[self.apiVersion, self.kind] in [['apps/v1', 'DaemonSet'], ['apps.openyurt.io/v1beta1', 'YurtAppSet']]",
    "message": "must be DaemonSet with apiVersion apps/v1, or YurtAppSet with apiVersion apps.openyurt.io/v1beta1",
    "fieldPath": ".kind",
}]))]
pub struct Dependency {
    /// Its API version: apps/v1 for a DaemonSet, apps.openyurt.io/v1beta1 for a YurtAppSet.
    #[schemars(length(min = 1, max = 317))]
    pub api_version: String,
    /// Its kind: DaemonSet or YurtAppSet.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Its name, in the namespace of the strategy.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Where it must be at its newest revision before a pool is changed: `SamePool` (in that pool) or `AllPools`. While
    /// nobody can tell, nothing is changed. Default: `SamePool`.
    #[serde(default)]
    pub scope: Scope,
}

/// Where a dependency must be up to date.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// In the pool that is to be changed.
    #[default]
    SamePool,
    /// In all pools.
    AllPools,
}

impl From<&Dependency> for plan::Dependency {
    fn from(dependency: &Dependency) -> Self {
        let Dependency { api_version, kind, name, scope } = dependency;
        Self {
            api_version: api_version.as_str().into(),
            kind: kind.as_str().into(),
            name: name.as_str().into(),
            scope: match scope {
                Scope::SamePool => plan::Scope::SamePool,
                Scope::AllPools => plan::Scope::AllPools,
            },
        }
    }
}
