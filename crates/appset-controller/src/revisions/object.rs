//! A ControllerRevision of a YurtAppSet, read and written.

use std::sync::Arc;

use api::names::app_set as names;
use api::yurt_app_set::RawWorkload;
use serde_json::{Value, json};

use super::{Current, Record};
use crate::canonical::Canonical;
use crate::render::Owner;

/// A ControllerRevision.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its number: the highest is the newest.
    pub number: i64,
    /// The UID of the YurtAppSet that controls it, or of whatever does.
    pub controller: Option<String>,
    /// It is being deleted.
    pub leaving: bool,
    /// `spec.workload` as it was then; null if it holds something else.
    pub workload: Canonical,
    /// The same as its user wrote it, if that says more: what a patch is about may be what means nothing.
    written: Option<Arc<str>>,
}

impl Revision {
    /// Reads an object, however odd.
    pub fn read(object: &Value) -> Self {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let controls = |owner: &&Value| owner["controller"] == true;
        let controller = owners.into_iter().flatten().find(controls).and_then(|owner| owner["uid"].as_str());
        let mut workload = object.pointer("/data/spec/workload").cloned().unwrap_or(Value::Null);
        if let Some(fields) = workload.as_object_mut() {
            fields.remove("$patch");
        }
        let canonical = Canonical::of(&workload);
        Self {
            name: text("/metadata/name"),
            uid: text("/metadata/uid"),
            number: object["revision"].as_i64().unwrap_or(0),
            controller: controller.map(str::to_owned),
            leaving: object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()),
            written: (canonical.value() != workload).then(|| workload.to_string().into()),
            workload: canonical,
        }
    }

    /// `spec.workload` as its user wrote it.
    pub fn written(&self) -> RawWorkload {
        let written = self.written.as_deref().and_then(|written| serde_json::from_str(written).ok());
        RawWorkload(written.unwrap_or_else(|| self.workload.value()))
    }
}

/// The ControllerRevision to be made, with OpenYurt's labels, owner and form of the data. `None` if there is none to be made.
/// `labels` are the YurtAppSet's.
pub fn body(
    owner: &Owner,
    labels: &serde_json::Map<String, Value>,
    workload: &Value,
    current: &Current,
) -> Option<Value> {
    let Record::Make { hash, number } = &current.record else { return None };
    let mut labels = labels.clone();
    labels.insert(names::SET.to_owned(), owner.name.as_str().into());
    labels.insert(names::REVISION_HASH.to_owned(), hash.as_str().into());
    let mut data = workload.clone();
    if let Some(fields) = data.as_object_mut() {
        fields.insert("$patch".to_owned(), "replace".into());
    }
    Some(json!({
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": current.name,
            "namespace": owner.namespace,
            "labels": labels,
            "ownerReferences": [owner.reference()],
        },
        "data": {"spec": {"workload": data}},
        "revision": number,
    }))
}
