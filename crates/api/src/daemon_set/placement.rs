//! The parts of a pod template that decide where its pods may run.

use std::collections::BTreeMap;

use planner::placement as plan;
use serde::Deserialize;

use crate::or_default;

/// A pod's spec, as far as its place is concerned.
#[derive(Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The only node, empty for any.
    #[serde(deserialize_with = "or_default")]
    pub node_name: String,
    /// Labels that the node must have.
    #[serde(deserialize_with = "or_default")]
    pub node_selector: BTreeMap<String, String>,
    /// Terms that the node must match one of.
    #[serde(deserialize_with = "or_default")]
    affinity: Affinity,
    /// Taints that do not matter.
    #[serde(deserialize_with = "or_default")]
    pub tolerations: Vec<Toleration>,
    /// Whether the pods share their node's network.
    #[serde(deserialize_with = "or_default")]
    pub host_network: bool,
}

#[derive(Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
struct Affinity {
    #[serde(deserialize_with = "or_default")]
    node_affinity: NodeAffinity,
}

#[derive(Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
struct NodeAffinity {
    required_during_scheduling_ignored_during_execution: Option<NodeSelector>,
}

#[derive(Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
struct NodeSelector {
    #[serde(deserialize_with = "or_default")]
    node_selector_terms: Vec<NodeSelectorTerm>,
}

/// A node selector term.
#[derive(Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelectorTerm {
    /// Over labels.
    #[serde(deserialize_with = "or_default")]
    pub match_expressions: Vec<NodeSelectorRequirement>,
    /// Over fields.
    #[serde(deserialize_with = "or_default")]
    pub match_fields: Vec<NodeSelectorRequirement>,
}

/// A key, an operator and its values.
#[derive(Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(default)]
pub struct NodeSelectorRequirement {
    /// Label key or field path.
    #[serde(deserialize_with = "or_default")]
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`, or what a later Kubernetes brings.
    #[serde(deserialize_with = "or_default")]
    pub operator: String,
    /// What to compare with.
    #[serde(deserialize_with = "or_default")]
    pub values: Vec<String>,
}

/// A toleration.
#[derive(Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(default)]
pub struct Toleration {
    /// The taint's key, empty for every key.
    #[serde(deserialize_with = "or_default")]
    pub key: String,
    /// `Exists`, `Equal` (the default), or what a later Kubernetes brings.
    #[serde(deserialize_with = "or_default")]
    pub operator: String,
    /// The value that is tolerated.
    #[serde(deserialize_with = "or_default")]
    pub value: String,
    /// The effect that is tolerated, empty for every effect.
    #[serde(deserialize_with = "or_default")]
    pub effect: String,
}

impl PodSpec {
    /// Terms of which a node must match one; `None`: no such demand.
    pub fn required_terms(&self) -> Option<&[NodeSelectorTerm]> {
        let required = &self.affinity.node_affinity.required_during_scheduling_ignored_during_execution;
        required.as_ref().map(|selector| selector.node_selector_terms.as_slice())
    }

    /// Where such pods may run, as the planner takes it.
    pub fn placement(&self) -> plan::Placement {
        plan::Placement {
            node_name: (!self.node_name.is_empty()).then(|| self.node_name.as_str().into()),
            node_selector: self.node_selector.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
            terms: self.required_terms().map(|terms| terms.iter().map(term).collect()),
            tolerations: self.tolerations.iter().filter_map(toleration).collect(),
            host_network: self.host_network,
        }
    }
}

fn term(term: &NodeSelectorTerm) -> plan::Term {
    plan::Term {
        expressions: term.match_expressions.iter().map(expression).collect(),
        fields: term.match_fields.iter().map(expression).collect(),
    }
}

fn expression(requirement: &NodeSelectorRequirement) -> plan::Expression {
    plan::Expression {
        key: requirement.key.as_str().into(),
        operator: match requirement.operator.as_str() {
            "In" => plan::Operator::In,
            "NotIn" => plan::Operator::NotIn,
            "Exists" => plan::Operator::Exists,
            "DoesNotExist" => plan::Operator::DoesNotExist,
            "Gt" => plan::Operator::Gt,
            "Lt" => plan::Operator::Lt,
            _ => plan::Operator::Unknown,
        },
        values: requirement.values.iter().map(|value| value.as_str().into()).collect(),
    }
}

/// A toleration whose operator is unknown tolerates nothing, so that nothing is done on its account.
fn toleration(toleration: &Toleration) -> Option<plan::Toleration> {
    let exists = match toleration.operator.as_str() {
        "Exists" => true,
        "" | "Equal" => false,
        _ => return None,
    };
    Some(plan::Toleration {
        key: toleration.key.as_str().into(),
        exists,
        value: toleration.value.as_str().into(),
        effect: toleration.effect.as_str().into(),
    })
}
