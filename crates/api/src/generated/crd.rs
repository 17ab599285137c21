//! The `CustomResourceDefinition` of FleetRollout, as the API server likes it best.

use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use crate::fleet_rollout::FleetRollout;

/// The definition, as the only document of its file.
pub(super) fn documents() -> serde_json::Result<Vec<Value>> {
    let mut definition = serde_json::to_value(FleetRollout::crd())?;
    for version in definition.pointer_mut("/spec/versions").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema").and_then(Value::as_object_mut) {
            schema.remove("title");
            polish(schema);
        }
    }
    Ok(vec![definition])
}

/// Polishes a schema and all schemas in it.
fn polish(schema: &mut Map<String, Value>) {
    join_lines(schema);
    bound_integers(schema);
    default_nulls(schema);
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        polish(property);
    }
    if let Some(items) = schema.get_mut("items").and_then(Value::as_object_mut) {
        polish(items);
    }
}

/// `kubectl explain` wraps lines itself: those of our sources are joined.
fn join_lines(schema: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

/// Kubernetes knows the formats int32 and int64 only (and warns of others): an unsigned integer is one with bounds.
fn bound_integers(schema: &mut Map<String, Value>) {
    if schema.get("format").is_some_and(|format| format == "uint32") {
        schema.insert("format".to_owned(), json!("int64"));
        schema.entry("maximum").or_insert(json!(u32::MAX));
    }
}

/// A field with a default is never null: the API server then takes an explicit null for the default.
fn default_nulls(schema: &mut Map<String, Value>) {
    if schema.contains_key("default") {
        schema.remove("nullable");
    }
}
