//! Which NodePools are meant: a Kubernetes label selector over their labels.

use std::collections::BTreeMap;
use std::fmt;

use planner::placement::{Expression, Operator};
use planner::strategy::Selector as Parsed;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::or_default;

/// A label selector as its user wrote it. All of it must match; {} matches every NodePool.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// Labels that a NodePool must have.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// What must be so of its labels.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<SelectorRequirement>,
}

/// What must be so of one label.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectorRequirement {
    /// The label.
    #[serde(deserialize_with = "or_default")]
    pub key: String,
    /// How its value is compared: `In`, `NotIn`, `Exists` or `DoesNotExist`; anything may be written here.
    #[serde(deserialize_with = "or_default")]
    pub operator: String,
    /// What `In` and `NotIn` compare with.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// A selector of which nobody can say what it matches. It matches nothing, and whoever asks is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {given} is not {allowed}")]
pub struct InvalidSelector {
    /// The field.
    pub path: String,
    /// Its value.
    pub given: String,
    /// What it may be.
    pub allowed: &'static str,
}

impl Selector {
    /// The selector as the planner takes it. `path` is where it stands in its object.
    pub fn parse(&self, path: &str) -> Result<Parsed, InvalidSelector> {
        let expression = |(index, requirement): (usize, &SelectorRequirement)| {
            requirement.parse(&format!("{path}.matchExpressions[{index}]"))
        };
        Ok(Parsed {
            labels: self.match_labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
            expressions: self.match_expressions.iter().enumerate().map(expression).collect::<Result<_, _>>()?,
        })
    }
}

impl SelectorRequirement {
    fn parse(&self, path: &str) -> Result<Expression, InvalidSelector> {
        let invalid = |field: &str, given: &dyn fmt::Debug, allowed| {
            Err(InvalidSelector { path: format!("{path}.{field}"), given: format!("{given:?}"), allowed })
        };
        let (operator, valued) = match self.operator.as_str() {
            "In" => (Operator::In, true),
            "NotIn" => (Operator::NotIn, true),
            "Exists" => (Operator::Exists, false),
            "DoesNotExist" => (Operator::DoesNotExist, false),
            other => return invalid("operator", &other, "In, NotIn, Exists or DoesNotExist"),
        };
        if self.key.is_empty() {
            return invalid("key", &self.key, "the key of a label");
        }
        if valued && self.values.is_empty() {
            return invalid("values", &self.values, "a list of at least one value, which In and NotIn need");
        }
        if !valued && !self.values.is_empty() {
            return invalid("values", &self.values, "left out, as it must be for Exists and DoesNotExist");
        }
        let values = self.values.iter().map(|value| value.as_str().into()).collect();
        Ok(Expression { key: self.key.as_str().into(), operator, values })
    }
}

/// The selector's schema, where it chooses pools.
pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "description": "Labels that a NodePool must have.",
                "type": "object",
                "maxProperties": 64,
                "additionalProperties": {"type": "string", "maxLength": 63},
            },
            "matchExpressions": {
                "description": "What must be so of a NodePool's labels; all of it.",
                "type": "array",
                "maxItems": 64,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {"description": "The label's key.", "type": "string", "minLength": 1, "maxLength": 317},
                        "operator": {
                            "description": "How the label's value is compared with values.",
                            "type": "string",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "description": "What In and NotIn compare with, at least one; none for Exists and DoesNotExist.",
                            "type": "array",
                            "maxItems": 256,
                            "x-kubernetes-list-type": "atomic",
                            "items": {"type": "string", "maxLength": 63},
                        },
                    },
                    "x-kubernetes-validations": [{
                        "rule": "self.operator in ['In', 'NotIn'] == (has(self.values) && size(self.values) > 0)",
                        "message": "must have at least one value for In and NotIn, and none for Exists and DoesNotExist",
                        "fieldPath": ".values",
                    }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(selector: serde_json::Value) -> Result<Parsed, String> {
        let selector: Selector = serde_json::from_value(selector).unwrap();
        selector.parse("spec.nodepoolSelector").map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn whatever_is_written_is_read_and_judged_with_its_path() {
        let matches = parse(json!({"matchLabels": {"tier": "lab"}, "matchExpressions": null})).unwrap();
        assert!(matches.matches(&[("tier".into(), "lab".into())]) && !matches.matches(&[]));
        assert!(parse(json!({})).unwrap().matches(&[]), "{{}} is every pool");
        for (requirement, complaint) in [
            (json!({"key": "a", "operator": "Near"}), "operator: \"Near\" is not In, NotIn, Exists or DoesNotExist"),
            (json!({"key": "a"}), "operator: \"\" is not In, NotIn, Exists or DoesNotExist"),
            (json!({"operator": "Exists"}), "key: \"\" is not the key of a label"),
            (
                json!({"key": "a", "operator": "In", "values": null}),
                "values: [] is not a list of at least one value, which In and NotIn need",
            ),
            (
                json!({"key": "a", "operator": "Exists", "values": ["b"]}),
                "values: [\"b\"] is not left out, as it must be for Exists and DoesNotExist",
            ),
        ] {
            let refused = parse(json!({"matchExpressions": [requirement]})).unwrap_err();
            assert_eq!(refused, format!("spec.nodepoolSelector.matchExpressions[0].{complaint}"));
        }
    }
}
