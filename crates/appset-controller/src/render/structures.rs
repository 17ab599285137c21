//! Structures that an object of OpenYurt's always has: Go's types write them, if only empty, where nothing is said. A patch may be at
//! them or below, whatever the template says.

use api::names::app_set::WorkloadKind;
use serde_json::{Map, Value, json};

/// Where containers are in a workload.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Puts in those that are missing.
pub(super) fn put_in(kind: WorkloadKind, object: &mut Value) {
    visit(kind, object, |fields, name| {
        fields.entry(name).or_insert_with(|| json!({}));
    });
}

/// Takes out those that are still empty. What is empty there says nothing.
pub(super) fn take_out(kind: WorkloadKind, object: &mut Value) {
    visit(kind, object, |fields, name| {
        if fields.get(name).and_then(Value::as_object).is_some_and(Map::is_empty) {
            fields.remove(name);
        }
    });
}

fn visit(kind: WorkloadKind, object: &mut Value, each: impl Fn(&mut Map<String, Value>, &'static str)) {
    for list in CONTAINERS {
        let containers = object.pointer_mut(&format!("/spec/template/spec/{list}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            each(container, "resources");
        }
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        each(spec, super::bound::field(kind));
    }
}
