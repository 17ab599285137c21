//! The `CustomResourceDefinition`s, as the API server likes them best.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use crate::approval_request::ApprovalRequest;
use crate::fleet_rollout::FleetRollout;
use crate::node_pool::{NodePoolDefinition, NodePoolSpec};
use crate::rollout_strategy::RolloutStrategy;
use crate::yurt_app_set::YurtAppSetDefinition;

/// ApprovalRequest's, as the only document of its file.
pub(super) fn approval_requests() -> serde_json::Result<Vec<Value>> {
    spec_without_nulls(ApprovalRequest::crd())
}

/// FleetRollout's, as the only document of its file.
pub(super) fn fleet_rollouts() -> serde_json::Result<Vec<Value>> {
    spec_without_nulls(FleetRollout::crd())
}

/// RolloutStrategy's, as the only document of its file.
pub(super) fn rollout_strategies() -> serde_json::Result<Vec<Value>> {
    spec_without_nulls(RolloutStrategy::crd())
}

/// NodePool's, as the only document of its file.
pub(super) fn node_pools() -> serde_json::Result<Vec<Value>> {
    let mut documents = documents(NodePoolDefinition::crd())?;
    let default = serde_json::to_value(NodePoolSpec::default())?;
    for schema in documents.iter_mut().flat_map(schemas) {
        // A pool with nothing but a name is a pool with all defaults.
        schema.remove("required");
        if let Some(spec) =
            schema.get_mut("properties").and_then(|all| all.get_mut("spec")).and_then(Value::as_object_mut)
        {
            spec.insert("default".to_owned(), default.clone());
        }
        let rule = json!({
            "rule": "size(self.metadata.name) <= 63",
            "message": "metadata.name must have at most 63 characters: it is the value of the label apps.openyurt.io/nodepool \
                        on the pool's nodes",
        });
        schema.insert("x-kubernetes-validations".to_owned(), json!([rule]));
    }
    Ok(documents)
}

/// Where a YurtAppSet's properties have a patch. What its operation says of its value is put there by hand: CEL does not see
/// values of any type, and kube's rewriter of schemas takes alternatives for contradictions.
pub(super) const PATCH: &str =
    "/spec/properties/workload/properties/workloadTweaks/items/properties/tweaks/properties/patches/items";

/// YurtAppSet's, as the only document of its file.
pub(super) fn yurt_app_sets() -> serde_json::Result<Vec<Value>> {
    let mut documents = documents(YurtAppSetDefinition::crd())?;
    for schema in documents.iter_mut().flat_map(schemas) {
        let rule = json!({
            "rule": "size(self.metadata.name) <= 63",
            "message": "metadata.name must have at most 63 characters: it is the value of the label \
                        apps.openyurt.io/ref-yurtappset on the workloads",
        });
        schema.insert("x-kubernetes-validations".to_owned(), json!([rule]));
        let patch = schema.get_mut("properties").and_then(|all| all.pointer_mut(PATCH)).and_then(Value::as_object_mut);
        if let Some(patch) = patch {
            patch.insert(
                "oneOf".to_owned(),
                json!([
                    {"properties": {"operation": {"enum": ["remove"]}}, "not": {"required": ["value"]}},
                    {"properties": {"operation": {"enum": ["add", "replace"]}}, "required": ["value"]},
                ]),
            );
        }
    }
    Ok(documents)
}

/// What a user writes as null in a spec is as good as left out: the API server drops it before it judges, so that rules
/// meet a value or nothing.
fn spec_without_nulls(definition: CustomResourceDefinition) -> serde_json::Result<Vec<Value>> {
    let mut documents = documents(definition)?;
    for spec in
        documents.iter_mut().flat_map(schemas).filter_map(|schema| schema.get_mut("properties")?.get_mut("spec"))
    {
        drop_nullable(spec);
    }
    Ok(documents)
}

fn drop_nullable(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("nullable");
            map.values_mut().for_each(drop_nullable);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_nullable),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn documents(definition: CustomResourceDefinition) -> serde_json::Result<Vec<Value>> {
    let mut definition = serde_json::to_value(definition)?;
    for schema in schemas(&mut definition) {
        schema.remove("title");
        polish(schema);
    }
    Ok(vec![definition])
}

/// The schemas of all versions.
fn schemas(definition: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let versions = definition.pointer_mut("/spec/versions").and_then(Value::as_array_mut).into_iter().flatten();
    versions.filter_map(|version| version.pointer_mut("/schema/openAPIV3Schema").and_then(Value::as_object_mut))
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
