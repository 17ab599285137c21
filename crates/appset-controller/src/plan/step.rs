//! What a plan says is to be written.

use std::sync::Arc;

use api::names::app_set::{self as names, WorkloadKind};
use serde_json::Value;

/// A write.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The pool.
    pub pool: String,
    /// What is written.
    pub action: Action,
}

/// A write of one workload.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Server-side apply without force, so that a workload of somebody else's that just took the name stays theirs.
    Create {
        /// The object.
        body: Body,
    },
    /// Server-side apply with force, to the object of this UID.
    Apply {
        /// The object.
        body: Body,
        /// Its UID.
        uid: String,
        /// Why.
        cause: Cause,
        /// Its pods restart by it.
        restarts: bool,
        /// Who owns its fields has to be changed before.
        convert: bool,
    },
    /// A delete of the object of this UID, in the background.
    Delete {
        /// What it is.
        kind: WorkloadKind,
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
}

/// An object to be applied, as text: a plan may have a thousand of them, and as trees they would take ten times the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    kind: WorkloadKind,
    name: Box<str>,
    rendered: Box<str>,
    text: Arc<str>,
}

/// Why a workload is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It is OpenYurt's.
    Adopted,
    /// Something else is asked for than was applied.
    Changed,
    /// Somebody changed these fields.
    Drifted(Vec<String>),
}

/// Pools whose workloads are alike to an API server, because the same tweaks are about them: a dry run of one stands for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The pools that are to get the newest revision, now or in a later wave.
    pub pools: Vec<String>,
    /// What would be applied in the first of them that has a workload, or else in the first: a quota refuses only what is made, which is
    /// that pool's affair, and only of what is there some fields cannot be changed.
    pub body: Body,
    /// There is a workload already where that would be applied.
    pub changes: bool,
}

impl Body {
    /// The text of a workload.
    pub fn of(object: &Value) -> Self {
        let metadata = &object["metadata"];
        let is_stateful = object["kind"] == WorkloadKind::StatefulSet.as_str();
        Self {
            kind: if is_stateful { WorkloadKind::StatefulSet } else { WorkloadKind::Deployment },
            name: metadata["name"].as_str().unwrap_or_default().into(),
            rendered: metadata["annotations"][names::RENDERED].as_str().unwrap_or_default().into(),
            text: object.to_string().into(),
        }
    }

    /// What it is.
    pub const fn kind(&self) -> WorkloadKind {
        self.kind
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hash of all of it.
    pub fn rendered(&self) -> &str {
        &self.rendered
    }

    /// The object.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Action {
    /// A word for metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Apply { cause: Cause::Adopted, .. } => "adopt",
            Self::Apply { cause: Cause::Changed, .. } => "update",
            Self::Apply { cause: Cause::Drifted(_), .. } => "repair",
            Self::Delete { .. } => "delete",
        }
    }

    /// Whether it only puts back fields that somebody changed.
    pub(crate) const fn is_repair(&self) -> bool {
        matches!(self, Self::Apply { cause: Cause::Drifted(_), .. })
    }

    /// Whether it brings a workload that is there something else than it was given before, for which its pods restart.
    pub(crate) const fn upgrades(&self) -> bool {
        matches!(self, Self::Apply { cause: Cause::Changed, restarts: true, .. })
    }

    /// Whether it only puts back what was, and restarts nothing that was not changed by hand.
    pub(super) fn repairs(&self) -> bool {
        match self {
            Self::Apply { cause: Cause::Drifted(_), .. } => true,
            Self::Apply { cause: Cause::Adopted, restarts, .. } => !restarts,
            Self::Create { .. } | Self::Apply { cause: Cause::Changed, .. } | Self::Delete { .. } => false,
        }
    }

    /// Whether it brings something new, which an API server may refuse.
    pub(super) fn brings(&self) -> Option<&Body> {
        match self {
            Self::Create { body } | Self::Apply { body, cause: Cause::Adopted | Cause::Changed, .. } => Some(body),
            Self::Apply { cause: Cause::Drifted(_), .. } | Self::Delete { .. } => None,
        }
    }
}
