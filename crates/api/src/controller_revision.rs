//! Revisions of DaemonSets, decoded without the template that each of them holds.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::Deserialize;

use crate::{names, or_default};

/// A ControllerRevision (`apps/v1`): one revision of a DaemonSet's template.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(default)]
pub struct ControllerRevision {
    /// Who it is.
    #[serde(deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// Its number. A rollback raises an old revision's number above all others.
    #[serde(deserialize_with = "or_default")]
    pub revision: i64,
}

/// Who a ControllerRevision is.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    /// Its owners.
    #[serde(deserialize_with = "or_default")]
    owner_references: Vec<OwnerReference>,
}

impl ControllerRevision {
    /// The hash that pods of this revision carry in the label `controller-revision-hash`.
    pub fn hash(&self) -> Option<&str> {
        self.metadata.labels.get(names::REVISION_HASH).map(String::as_str)
    }

    /// The UID of the DaemonSet that controls it.
    pub fn daemon_set(&self) -> Option<&str> {
        let controls = |owner: &&OwnerReference| owner.controller == Some(true) && owner.kind == "DaemonSet";
        self.metadata.owner_references.iter().find(controls).map(|owner| owner.uid.as_str())
    }
}

/// The newest revision that a DaemonSet controls, by number. Neither creation times nor `pod-template-generation` tell: a
/// rollback reuses the old revision. It is the one of the newest template once [`DaemonSet::is_observed`].
///
/// [`DaemonSet::is_observed`]: crate::daemon_set::DaemonSet::is_observed
pub fn newest<'a>(
    revisions: impl IntoIterator<Item = &'a ControllerRevision>,
    daemon_set: &str,
) -> Option<&'a ControllerRevision> {
    let own = revisions.into_iter().filter(|revision| revision.daemon_set() == Some(daemon_set));
    own.max_by_key(|revision| revision.revision)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn revision(hash: &str, number: i64, owner: &str, controller: bool) -> ControllerRevision {
        let decoded = serde_json::from_value(json!({
            "metadata": {
                "name": format!("agent-{hash}"), "namespace": "edge", "labels": {names::REVISION_HASH: hash},
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": owner, "controller": controller},
                ],
            },
            "data": {"spec": {"template": {"$patch": "replace"}}},
            "revision": number,
        }));
        decoded.unwrap()
    }

    #[test]
    fn the_newest_is_the_one_with_the_highest_number_among_the_own() {
        let all = [
            revision("a", 3, "uid-1", true),
            revision("b", 2, "uid-1", true),
            revision("c", 7, "uid-2", true),
            revision("d", 9, "uid-1", false),
        ];
        assert_eq!(newest(&all, "uid-1").and_then(ControllerRevision::hash), Some("a"));
        assert_eq!(newest(&all, "uid-3"), None);
    }

    #[test]
    fn nothing_odd_fails_to_decode() {
        let bare: ControllerRevision =
            serde_json::from_value(json!({"metadata": {"labels": null}, "data": null})).unwrap();
        assert_eq!((bare.hash(), bare.daemon_set(), bare.revision), (None, None, 0));
    }
}
