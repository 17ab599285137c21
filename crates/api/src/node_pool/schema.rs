//! What OpenYurt's webhook checks, as rules inside the definition: they hold while nothing of ours runs.

use schemars::transform::Transform;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{MARK, NodePoolSpec};
use crate::names::pool;

/// More labels, annotations or taints than anybody gives to a pool; the API server must know a bound to price the rules.
const MAX_ATTRIBUTES: u32 = 256;

/// A qualified name, as keys of labels, annotations and taints are: an optional DNS subdomain and a name of at most 63
/// characters. (CEL's own format library came with Kubernetes 1.31; clusters on the edge are older.)
const KEY: &str = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

/// A label's value.
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/// The rules over several fields of the spec, and its defaults.
pub(super) struct Spec;

/// Fields that must be given, though they read without.
pub(super) struct Required(pub(super) &'static [&'static str]);

/// Fields that read without being given, and are not filled in.
pub(super) struct Undefaulted;

/// A field that keeps its first value, and what to do instead of changing it.
pub(super) struct Fixed(pub(super) &'static str);

impl Transform for Spec {
    fn transform(&mut self, schema: &mut Schema) {
        let default = NodePoolSpec::default();
        let fields = [
            ("type", json!(default.pool_type)),
            ("hostNetwork", json!(default.host_network)),
            ("interConnectivity", json!(default.inter_connectivity)),
            ("enableLeaderElection", json!(default.enable_leader_election)),
            ("leaderElectionStrategy", json!(default.leader_election_strategy)),
            ("leaderReplicas", json!(default.leader_replicas)),
            ("poolScopeMetadata", json!(default.pool_scope_metadata)),
        ];
        Undefaulted.transform(schema);
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
        for (field, default) in fields {
            if let Some(property) = properties.get_mut(field).and_then(Value::as_object_mut) {
                property.insert("default".to_owned(), default);
            }
        }
        rules(
            schema,
            json!([
                {
                    "rule": "self.type != 'Cloud' || !self.hostNetwork",
                    "message": "must be false where type is Cloud: only pools of type Edge use the host's network",
                    "fieldPath": ".hostNetwork",
                },
                {
                    "rule": format!(
                        "self.leaderElectionStrategy != '{MARK}' || \
                         (has(self.leaderNodeLabelSelector) && size(self.leaderNodeLabelSelector) > 0)"
                    ),
                    "message": "must name at least one label where leaderElectionStrategy is mark: without one no node is marked",
                    "fieldPath": ".leaderNodeLabelSelector",
                },
            ]),
        );
    }
}

impl Transform for Required {
    fn transform(&mut self, schema: &mut Schema) {
        for field in self.0 {
            let property =
                schema.get_mut("properties").and_then(|all| all.get_mut(field)).and_then(Value::as_object_mut);
            property.and_then(|property| property.remove("default"));
        }
        schema.insert("required".to_owned(), json!(self.0));
    }
}

impl Transform for Undefaulted {
    fn transform(&mut self, schema: &mut Schema) {
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for property in properties.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
            property.remove("default");
        }
    }
}

impl Transform for Fixed {
    fn transform(&mut self, schema: &mut Schema) {
        rules(schema, json!([{"rule": "self == oldSelf", "message": format!("cannot be changed: {}", self.0)}]));
    }
}

/// Labels that are given to nodes or looked for on them.
pub(super) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": MAX_ATTRIBUTES,
        "additionalProperties": {"type": "string", "maxLength": 63, "pattern": LABEL_VALUE},
        "x-kubernetes-validations": [
            keys(),
            {
                "rule": format!("!('{}' in self)", pool::POOL),
                "message": format!("must not name {}: it says in which pool a node is", pool::POOL),
            },
        ],
    })
}

/// Annotations that are given to nodes.
pub(super) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": MAX_ATTRIBUTES,
        "additionalProperties": {"type": "string"},
        "x-kubernetes-validations": [
            keys(),
            {
                "rule": format!("!('{}' in self)", pool::PREVIOUS_ATTRIBUTES),
                "message": format!("must not name {}: it says what a node has of its pool", pool::PREVIOUS_ATTRIBUTES),
            },
        ],
    })
}

/// Taints that are given to nodes.
pub(super) fn taints(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": MAX_ATTRIBUTES,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["key", "effect"],
        "items": {
            "type": "object",
            "required": ["effect", "key"],
            "properties": {
                "key": {"description": "The taint's key.", "type": "string", "maxLength": 317, "pattern": KEY},
                "value": {"description": "The taint's value.", "type": "string", "maxLength": 63, "pattern": LABEL_VALUE},
                "effect": {
                    "description": "What becomes of pods that do not tolerate it.",
                    "type": "string",
                    "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
                },
                "timeAdded": {
                    "description": "Since when; of no meaning in a pool.",
                    "type": "string",
                    "format": "date-time",
                },
            },
        },
    })
}

/// All keys of a map are qualified names.
fn keys() -> Value {
    json!({
        "rule": format!("self.all(key, key.matches('{KEY}'))"),
        "message": "keys must be names such as role or example.com/role: letters, digits, '-', '_' and '.', at most 63 \
                    characters after the optional DNS name and '/'",
    })
}

fn rules(schema: &mut Schema, rules: Value) {
    schema.insert("x-kubernetes-validations".to_owned(), rules);
}
