//! What would become of a DaemonSet.

use api::daemon_set::DaemonSet;
use k8s_openapi::api::apps::v1 as apps;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::Value;

use super::manifest;
use crate::call::{Call, CallError};
use crate::reach::Cluster;
use crate::steer::MANAGER;

/// A change that is not made.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) new: New,
}

/// What is new.
#[derive(Debug)]
pub(super) enum New {
    /// Some template, placed as the present one.
    Any,
    /// This DaemonSet, which exists with another template or with the same.
    Template(Box<DaemonSet>),
    /// A DaemonSet that does not exist.
    DaemonSet(Box<DaemonSet>),
}

/// Why there is nothing to plan.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangeError {
    #[error("{name}: {source}")]
    Decode { name: String, source: serde_json::Error },
    #[error("the template is the same as that of ds/{0}: no new revision, and nothing is restarted")]
    Same(String),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Change {
    /// Whatever a new template may be.
    pub(super) const fn any(name: String, namespace: String) -> Self {
        Self { namespace, name, new: New::Any }
    }
}

/// The change that applying a manifest would make. The API server is asked in a dry run, as only it knows all defaults; a user
/// who may not even do that gets the plan of a new template.
pub(super) async fn of_manifest(
    cluster: &Cluster,
    object: Value,
    namespace: Option<&str>,
) -> Result<Change, ChangeError> {
    let name = manifest::name(&object).to_owned();
    let namespace = manifest::namespace(&object, namespace, &cluster.namespace);
    let api: Api<apps::DaemonSet> = Api::namespaced(cluster.client.clone(), &namespace);
    let failed = |verb| Call::of(verb, "apps", "daemonsets", Some(&namespace));
    let present = api.get_opt(&name).await.map_err(|error| failed("get").failed(error))?;
    let params = PatchParams { dry_run: true, force: true, ..PatchParams::apply(MANAGER) };
    let changed = match api.patch(&name, &params, &Patch::Apply(&object)).await {
        Ok(changed) => Some(changed),
        Err(kube::Error::Api(status)) if status.code == 403 => None,
        Err(error) => return Err(failed("patch").failed(error).into()),
    };
    let template = |daemon_set: &apps::DaemonSet| daemon_set.spec.as_ref().map(|spec| spec.template.clone());
    if let (Some(present), Some(changed)) = (&present, &changed)
        && template(present) == template(changed)
    {
        return Err(ChangeError::Same(name));
    }
    let decode = |value: Value| {
        serde_json::from_value::<DaemonSet>(value).map_err(|source| ChangeError::Decode { name: name.clone(), source })
    };
    let mut daemon_set = decode(changed.map_or(object, |changed| serde_json::json!(changed)))?;
    daemon_set.metadata.namespace.clone_from(&namespace);
    let new =
        if present.is_some() { New::Template(Box::new(daemon_set)) } else { New::DaemonSet(Box::new(daemon_set)) };
    Ok(Change { namespace, name, new })
}
