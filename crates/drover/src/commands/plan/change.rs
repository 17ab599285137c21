//! What would become of a DaemonSet.

use std::path::Path;

use api::daemon_set::DaemonSet;
use k8s_openapi::api::apps::v1 as apps;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::Value;

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
    #[error("{file}: {source}")]
    Read { file: String, source: std::io::Error },
    #[error("{file} is no YAML or JSON: {source}")]
    Parse { file: String, source: Box<serde_saphyr::Error> },
    #[error(
        "{file} is a {found}, not a DaemonSet of apps/v1\n→ plans are made for DaemonSets, one object for each file"
    )]
    Kind { file: String, found: String },
    #[error("{file}: {source}")]
    Decode { file: String, source: serde_json::Error },
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

/// The change that applying a file would make. The API server is asked in a dry run, as only it knows all defaults; a user
/// who may not even do that gets the plan of a new template.
pub(super) async fn of_file(cluster: &Cluster, file: &Path, namespace: Option<&str>) -> Result<Change, ChangeError> {
    let object = parse(file)?;
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = text("/metadata/name");
    let own = Some(text("/metadata/namespace")).filter(|own| !own.is_empty());
    let namespace = namespace.map(str::to_owned).or(own).unwrap_or_else(|| cluster.namespace.clone());
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
        serde_json::from_value::<DaemonSet>(value)
            .map_err(|source| ChangeError::Decode { file: file.display().to_string(), source })
    };
    let mut daemon_set = decode(changed.map_or(object, |changed| serde_json::json!(changed)))?;
    daemon_set.metadata.namespace.clone_from(&namespace);
    let new =
        if present.is_some() { New::Template(Box::new(daemon_set)) } else { New::DaemonSet(Box::new(daemon_set)) };
    Ok(Change { namespace, name, new })
}

fn parse(file: &Path) -> Result<Value, ChangeError> {
    let shown = file.display().to_string();
    let text = crate::file::read(file).map_err(|source| ChangeError::Read { file: shown.clone(), source })?;
    let object: Value = serde_saphyr::from_str(&text)
        .map_err(|source| ChangeError::Parse { file: shown.clone(), source: Box::new(source) })?;
    let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or("nothing").to_owned();
    let found = format!("{} of {}", field("kind"), field("apiVersion"));
    if found != "DaemonSet of apps/v1" {
        return Err(ChangeError::Kind { file: shown, found });
    }
    Ok(object)
}
