//! Which pools a wave or a window is about: a label selector over the labels of NodePools.

use std::collections::BTreeMap;

use planner::placement::{Expression, Operator};
use planner::strategy as plan;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A label key: an optional DNS subdomain and a name of at most 63 characters.
const KEY: &str = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

/// A label's value.
const VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/// Pools by the labels of their NodePool. All of it must match; an empty selector matches every pool.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PoolSelector {
    /// Labels that the pool's NodePool must have, with these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub match_labels: BTreeMap<String, String>,
    /// Conditions that the labels of the pool's NodePool must meet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub match_expressions: Vec<PoolRequirement>,
}

/// A condition on one label.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",
        "message": "must have at least one value where operator is In or NotIn",
        "fieldPath": ".values",
    },
    {
        "rule": "self.operator in ['In', 'NotIn'] || !has(self.values) || size(self.values) == 0",
        "message": "must be left out where operator is Exists or DoesNotExist",
        "fieldPath": ".values",
    },
]))]
pub struct PoolRequirement {
    /// The label's key.
    #[schemars(length(min = 1, max = 317), regex(pattern = KEY))]
    pub key: String,
    /// `In` (its value is one of values), `NotIn` (it is none of them, or there is no such label), `Exists` or
    /// `DoesNotExist`.
    pub operator: PoolOperator,
    /// The values to compare with: at least one for `In` and `NotIn`, none otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63), regex(pattern = VALUE)))]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolOperator {
    /// Its value is one of those given.
    In,
    /// Its value is none of those given, or the label is absent.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

impl From<&PoolSelector> for plan::Selector {
    fn from(selector: &PoolSelector) -> Self {
        let PoolSelector { match_labels, match_expressions } = selector;
        Self {
            labels: match_labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
            expressions: match_expressions.iter().map(Into::into).collect(),
        }
    }
}

impl From<&PoolRequirement> for Expression {
    fn from(requirement: &PoolRequirement) -> Self {
        let PoolRequirement { key, operator, values } = requirement;
        Self {
            key: key.as_str().into(),
            operator: match operator {
                PoolOperator::In => Operator::In,
                PoolOperator::NotIn => Operator::NotIn,
                PoolOperator::Exists => Operator::Exists,
                PoolOperator::DoesNotExist => Operator::DoesNotExist,
            },
            values: values.iter().map(|value| value.as_str().into()).collect(),
        }
    }
}

fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": {"type": "string", "maxLength": 63, "pattern": VALUE},
        "x-kubernetes-validations": [{
            "rule": format!("self.all(key, key.matches('{KEY}'))"),
            "message": "keys must be names such as tier or example.com/tier: letters, digits, '-', '_' and '.', at most 63 \
                        characters after the optional DNS name and '/'",
        }],
    })
}
