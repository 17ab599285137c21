//! The files under `deploy/` that are made from the types and tables of this crate. `cargo xtask gen` writes them.

mod crd;
mod policies;
mod yaml;

use serde_json::Value;

use crate::rbac::{self, APPSET_CONTROLLER, DAEMON_UPDATER, LEADER_ENDPOINTS_CONTROLLER};

/// Why a file could not be made: a type does not serialise. No input can cause it, so a test finds it.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A type has no JSON.
    #[error("making JSON of {path}")]
    Json {
        /// The file.
        path: &'static str,
        /// What serde says.
        source: serde_json::Error,
    },
    /// Its JSON has no YAML.
    #[error("making YAML of {path}")]
    Yaml {
        /// The file.
        path: &'static str,
        /// What the YAML writer says.
        source: serde_saphyr::ser::Error,
    },
}

/// All of them: paths relative to the repository's root, and contents.
pub fn files() -> Result<Vec<(&'static str, String)>, GenerateError> {
    Ok(vec![
        file("deploy/appset-controller/rbac.yaml", || rights(&APPSET_CONTROLLER))?,
        file("deploy/crds/approvalrequests.drover.dev.yaml", crd::approval_requests)?,
        file("deploy/crds/fleetrollouts.drover.dev.yaml", crd::fleet_rollouts)?,
        file("deploy/crds/nodepools.apps.openyurt.io.yaml", crd::node_pools)?,
        file("deploy/crds/rolloutstrategies.drover.dev.yaml", crd::rollout_strategies)?,
        file("deploy/crds/yurtappsets.apps.openyurt.io.yaml", crd::yurt_app_sets)?,
        file("deploy/rollouts/policies.yaml", policies::rollouts)?,
        file("deploy/daemon-updater/rbac.yaml", || rights(&DAEMON_UPDATER))?,
        file("deploy/leader-endpoints-controller/policies.yaml", policies::pools)?,
        file("deploy/leader-endpoints-controller/rbac.yaml", || rights(&LEADER_ENDPOINTS_CONTROLLER))?,
    ])
}

fn rights(service: &rbac::Service) -> serde_json::Result<Vec<Value>> {
    let (role, binding) = service.cluster_role();
    let mut documents = vec![serde_json::to_value(role)?, serde_json::to_value(binding)?];
    for (role, binding) in service.roles() {
        documents.push(serde_json::to_value(role)?);
        documents.push(serde_json::to_value(binding)?);
    }
    Ok(documents)
}

fn file(
    path: &'static str,
    documents: fn() -> serde_json::Result<Vec<Value>>,
) -> Result<(&'static str, String), GenerateError> {
    let documents = documents().map_err(|source| GenerateError::Json { path, source })?;
    let text = yaml::file(documents).map_err(|source| GenerateError::Yaml { path, source })?;
    Ok((path, text))
}

#[cfg(test)]
mod tests;
