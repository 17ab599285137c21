//! Reads a strategy from a file: as kubectl takes it, or its spec alone.

use std::fmt;
use std::path::Path;

use api::rollout_strategy::{RolloutStrategy, Strategy};
use kube::CustomResourceExt as _;
use serde_json::Value;

use super::schema;

/// A strategy, and what it is called.
#[derive(Debug)]
pub(crate) struct Named {
    /// `metadata.name`, or the file's.
    pub(crate) title: String,
    /// It.
    pub(crate) spec: Strategy,
    file: String,
    /// Where the spec is in the file.
    prefix: &'static str,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It cannot be read.
    #[error("{file}: {source}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not YAML.
    #[error("{file} is not YAML: {source}")]
    Yaml {
        /// The file.
        file: String,
        /// Where and why.
        source: Box<serde_saphyr::Error>,
    },
    /// A field is wrong.
    #[error("{file}: {what}")]
    Field {
        /// The file.
        file: String,
        /// Which, its value, and what is allowed.
        what: String,
    },
}

/// Reads a strategy; what the API server would refuse is refused here in its terms.
pub(crate) fn read(file: &Path) -> Result<Named, ReadError> {
    let name = file.display().to_string();
    let text = crate::file::read(file).map_err(|source| ReadError::File { file: name.clone(), source })?;
    parse(&name, &text)
}

/// The same of a text; `file` is what it is called in errors.
pub(crate) fn parse(file: &str, text: &str) -> Result<Named, ReadError> {
    let file = if file == "-" { "stdin".to_owned() } else { file.to_owned() };
    let value: Value = serde_saphyr::from_str(text)
        .map_err(|source| ReadError::Yaml { file: file.clone(), source: Box::new(source) })?;
    let refuse = |what: String| ReadError::Field { file: file.clone(), what };
    let whole = value.get("kind").is_some() || value.get("spec").is_some();
    let (prefix, title, spec) = if whole {
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
        if kind != "RolloutStrategy" {
            return Err(refuse(format!("kind: {kind:?} is not \"RolloutStrategy\"")));
        }
        let title = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or(&file).to_owned();
        ("spec", title, value.get("spec").cloned().unwrap_or_default())
    } else {
        ("", file.clone(), value)
    };
    let spec = if spec.is_null() { Value::Object(serde_json::Map::new()) } else { spec };
    if let Some(known) = schema::spec(&RolloutStrategy::crd()) {
        schema::check(&known, prefix, &spec).map_err(refuse)?;
    }
    let spec = serde_json::from_value(spec).map_err(|error| refuse(error.to_string()))?;
    Ok(Named { title, spec, file, prefix })
}

impl Named {
    /// What is wrong beyond what a schema can say.
    pub(crate) fn refuse(&self, error: &impl fmt::Display) -> ReadError {
        let dot = if self.prefix.is_empty() { "" } else { "." };
        ReadError::Field { file: self.file.clone(), what: format!("{}{dot}{error}", self.prefix) }
    }
}
