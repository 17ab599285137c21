//! The file of a change that is not made.

use std::path::Path;

use serde_json::Value;

/// One object of a kind that plans are made for, as it stands in the file.
#[derive(Debug)]
pub(super) enum Manifest {
    /// A DaemonSet.
    DaemonSet(Value),
    /// A YurtAppSet.
    YurtAppSet(Value),
}

/// Why a file is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("{file}: {source}")]
    Read { file: String, source: std::io::Error },
    #[error("{file} is no YAML or JSON: {source}")]
    Parse { file: String, source: Box<serde_saphyr::Error> },
    #[error(
        "{file} is a {found}, neither a DaemonSet of apps/v1 nor a YurtAppSet of apps.openyurt.io/v1beta1\n→ plans are made for \
         these, one object for each file"
    )]
    Kind { file: String, found: String },
    #[error("{0}: metadata.name is missing")]
    Name(String),
}

impl Manifest {
    /// Reads a file; - is stdin.
    pub(super) fn read(file: &Path) -> Result<Self, ManifestError> {
        let shown = file.display().to_string();
        let text = crate::file::read(file).map_err(|source| ManifestError::Read { file: shown.clone(), source })?;
        Self::parse(shown, &text)
    }

    fn parse(file: String, text: &str) -> Result<Self, ManifestError> {
        let object: Value = match serde_saphyr::from_str(text) {
            Ok(object) => object,
            Err(source) => return Err(ManifestError::Parse { file, source: Box::new(source) }),
        };
        let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or("nothing");
        let kind: fn(Value) -> Self = match (field("kind"), field("apiVersion")) {
            ("DaemonSet", "apps/v1") => Self::DaemonSet,
            ("YurtAppSet", "apps.openyurt.io/v1beta1") => Self::YurtAppSet,
            (kind, version) => return Err(ManifestError::Kind { found: format!("{kind} of {version}"), file }),
        };
        if name(&object).is_empty() {
            return Err(ManifestError::Name(file));
        }
        Ok(kind(object))
    }
}

/// The name of an object.
pub(super) fn name(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

/// Where an object is to be: in the namespace that the user names, that of the object, or that of the kubeconfig's context.
pub(super) fn namespace(object: &Value, given: Option<&str>, usual: &str) -> String {
    let own = object.pointer("/metadata/namespace").and_then(Value::as_str).filter(|own| !own.is_empty());
    given.or(own).unwrap_or(usual).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_of_a_kind_that_can_be_planned_and_has_a_name() {
        let read = |text: &str| Manifest::parse("f".to_owned(), text);
        let set = "apiVersion: apps.openyurt.io/v1beta1\nkind: YurtAppSet\nmetadata: {name: web}";
        assert!(matches!(read(set), Ok(Manifest::YurtAppSet(object)) if name(&object) == "web"));
        assert!(matches!(
            read("{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: a}}"),
            Ok(Manifest::DaemonSet(_))
        ));
        let old = read("apiVersion: apps.openyurt.io/v1alpha1\nkind: YurtAppSet").unwrap_err().to_string();
        assert!(old.starts_with("f is a YurtAppSet of apps.openyurt.io/v1alpha1, neither"), "{old}");
        assert!(read("[]").unwrap_err().to_string().starts_with("f is a nothing of nothing"));
        let nameless = read("apiVersion: apps/v1\nkind: DaemonSet").unwrap_err().to_string();
        assert_eq!(nameless, "f: metadata.name is missing");
    }

    #[test]
    fn the_namespace_is_the_users_the_objects_or_the_usual_one() {
        let there = serde_json::json!({"metadata": {"namespace": "edge"}});
        let nowhere = serde_json::json!({"metadata": {"namespace": ""}});
        assert_eq!(namespace(&there, Some("a"), "b"), "a");
        assert_eq!((namespace(&there, None, "b"), namespace(&nowhere, None, "b")), ("edge".to_owned(), "b".to_owned()));
    }
}
