//! What OpenYurt's webhook checks, and what it should, as rules inside the definition: they hold while nothing of ours runs.

use schemars::transform::Transform;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{DEFAULT_HISTORY_LIMIT, selector};

/// More pools than a cluster has: the API server must know a bound to price the rules.
const MAX_POOLS: u32 = 10_000;

/// More tweaks, and more images or patches in one, than anybody writes.
const MAX_TWEAKS: u32 = 1_024;
const MAX_CHANGES: u32 = 256;

/// The name of a NodePool: a DNS subdomain that is also a label's value.
const POOL: &str = "^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$";

/// The spec: what must be given, and what is filled in.
pub(super) struct Spec;

/// The status: OpenYurt requires three of its fields.
pub(super) struct Status;

/// A condition.
pub(super) struct Condition;

impl Transform for Spec {
    fn transform(&mut self, schema: &mut Schema) {
        undefault(schema);
        schema.insert("required".to_owned(), json!(["workload"]));
        let limit = schema.get_mut("properties").and_then(|all| all.get_mut("revisionHistoryLimit"));
        if let Some(limit) = limit.and_then(Value::as_object_mut) {
            limit.insert("default".to_owned(), json!(DEFAULT_HISTORY_LIMIT));
        }
    }
}

impl Transform for Status {
    fn transform(&mut self, schema: &mut Schema) {
        undefault(schema);
        schema.insert("required".to_owned(), json!(["currentRevision", "readyWorkloads", "totalWorkloads"]));
    }
}

impl Transform for Condition {
    fn transform(&mut self, schema: &mut Schema) {
        undefault(schema);
        schema.insert("required".to_owned(), json!(["status", "type"]));
    }
}

/// Fields that read without being given are not filled in.
fn undefault(schema: &mut Schema) {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        property.remove("default");
    }
}

/// Names of pools.
pub(super) fn pools(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": MAX_POOLS,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "string", "minLength": 1, "maxLength": 63, "pattern": POOL},
    })
}

/// `spec.workload`.
pub(super) fn workload(generator: &mut SchemaGenerator) -> Schema {
    let (pools, selector) = (pools(generator), selector::schema(generator));
    json_schema!({
        "type": "object",
        "required": ["workloadTemplate"],
        "properties": {
            "workloadTemplate": {
                "description": "What every pool gets: exactly one of deploymentTemplate and statefulSetTemplate. Which of them cannot \
                                be changed.",
                "type": "object",
                "properties": {
                    "deploymentTemplate": template("Deployment"),
                    "statefulSetTemplate": template("StatefulSet"),
                },
                "x-kubernetes-validations": [
                    {
                        "rule": "has(self.deploymentTemplate) || has(self.statefulSetTemplate)",
                        "message": "no workload template is configured: give deploymentTemplate or statefulSetTemplate",
                    },
                    {
                        "rule": "!(has(self.deploymentTemplate) && has(self.statefulSetTemplate))",
                        "message": "only one workload template should be configured: give deploymentTemplate or statefulSetTemplate",
                    },
                    {
                        "rule": "has(self.deploymentTemplate) == has(oldSelf.deploymentTemplate)",
                        "message": "the kind of workload template should not be changed: make another YurtAppSet",
                    },
                ],
            },
            "workloadTweaks": {
                "description": "What is different in some pools. All that are about a pool are applied in this order: first the \
                                replicas and images of all of them, then the patches of all of them. A later one wins.",
                "type": "array",
                "maxItems": MAX_TWEAKS,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["tweaks"],
                    "properties": {
                        "pools": described(pools, "The names of the pools that it is about, beside those that nodepoolSelector chooses."),
                        "nodepoolSelector": described(
                            selector,
                            "The pools that it is about, by the labels of their NodePools, beside those that pools names. Without it \
                             none; {} is every pool.",
                        ),
                        "tweaks": tweaks(),
                    },
                },
            },
        },
    })
}

/// A template of a workload. What is in it the API server judges when the workload is written.
fn template(kind: &str) -> Value {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let mut schema = json!({
        "description": format!("The {kind} of each pool."),
        "type": "object",
        "required": ["spec"],
        "properties": {"metadata": open.clone(), "spec": open},
    });
    schema["properties"]["metadata"]["description"] =
        json!(format!("The labels and annotations of the {kind}s; everything else in it is without effect."));
    schema["properties"]["spec"]["description"] = json!(format!(
        "The spec of the {kind}s. Its selector, the labels and the node selector of its pods also get the pool. Where replicas is \
         left out it is left to others, such as a HorizontalPodAutoscaler."
    ));
    schema
}

fn tweaks() -> Value {
    json!({
        "description": "What is different there.",
        "type": "object",
        "properties": {
            "replicas": {
                "description": "How many pods the workload has.",
                "type": "integer",
                "format": "int32",
                "minimum": 0,
                "maximum": i32::MAX,
            },
            "containerImages": {
                "description": "The images of containers and init containers.",
                "type": "array",
                "maxItems": MAX_CHANGES,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["name", "targetImage"],
                    "properties": {
                        "name": {
                            "description": "The container's name. A name that no container has is without effect.",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 63,
                        },
                        "targetImage": {"description": "Its image.", "type": "string", "minLength": 1, "maxLength": 1024},
                    },
                },
            },
            "patches": {
                "description": "Operations of a JSON patch (RFC 6902) on the whole workload, with its labels and node selector of the \
                                pool. {{nodepool-name}} stands for the pool's name.",
                "type": "array",
                "maxItems": MAX_CHANGES,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["operation", "path"],
                    "properties": {
                        "operation": {
                            "description": "add, remove or replace.",
                            "type": "string",
                            "enum": ["add", "remove", "replace"],
                        },
                        "path": {
                            "description": "Where, as a JSON pointer (RFC 6901), such as /spec/template/spec/containers/0/image.",
                            "type": "string",
                            "maxLength": 2048,
                            "pattern": "^(/([^~/]|~[01])*)*$",
                        },
                        "value": {
                            "description": "What is put there by add and replace, null if it is not given; must not be given for remove.",
                            "nullable": true,
                            "x-kubernetes-preserve-unknown-fields": true,
                        },
                    },
                },
            },
        },
    })
}

fn described(mut schema: Schema, description: &str) -> Schema {
    schema.insert("description".to_owned(), json!(description));
    schema
}
