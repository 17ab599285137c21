//! The labels, annotations and taints that a pool gives to its nodes, and takes back from those that leave.
//!
//! What a node was given is written on it (`nodepool.openyurt.io/previous-attributes`, as OpenYurt does), so that exactly that
//! can be taken back, unless somebody has changed it since: then it is theirs.

use std::collections::BTreeMap;

use api::names::pool as names;
use k8s_openapi::api::core::v1::Taint;
use serde::{Deserialize, Serialize};

use crate::nodes::{Node, or_default};
use crate::pools::Pool;

/// Labels that say what a node is or where it belongs: no pool gives or takes them.
const NOT_GIVEN: [&str; 4] =
    [names::POOL, names::HOST_NETWORK, "apps.openyurt.io/desired-nodepool", "kubernetes.io/hostname"];

/// What a pool gives to a node; as JSON the annotation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    taints: Vec<Taint>,
}

/// How a node is to be changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NodeChange {
    /// `None` removes.
    pub(crate) labels: BTreeMap<String, Option<String>>,
    /// `None` removes.
    pub(crate) annotations: BTreeMap<String, Option<String>>,
    /// All taints of the node, the others' included: the API has no way to change one.
    pub(crate) taints: Option<Vec<Taint>>,
}

/// What a node was given cannot be read, so nothing can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "annotation {}: {value:?} is not what a pool gave to this node, as JSON ({reason}); the node keeps what it has until the \
     annotation is corrected or removed",
    names::PREVIOUS_ATTRIBUTES
)]
pub(crate) struct Unreadable {
    pub(crate) value: String,
    reason: String,
}

impl Attributes {
    /// What a pool gives, and the keys among it that no pool can give.
    pub(crate) fn of(pool: &Pool) -> (Self, Vec<String>) {
        let spec = &pool.spec;
        let asked =
            Self { labels: spec.labels.clone(), annotations: spec.annotations.clone(), taints: spec.taints.clone() };
        let refused = asked.labels.keys().filter(|key| NOT_GIVEN.contains(&key.as_str()));
        let refused = refused.chain(asked.annotations.keys().filter(|key| *key == names::PREVIOUS_ATTRIBUTES));
        let refused = refused.cloned().collect();
        (asked.without_foreign(), refused)
    }

    /// What the node was given.
    fn given(node: &Node) -> Result<Option<Self>, Unreadable> {
        let Some(value) = node.annotation(names::PREVIOUS_ATTRIBUTES) else { return Ok(None) };
        let read: Result<Self, _> = serde_json::from_str(value);
        let unreadable = |error: serde_json::Error| Unreadable { value: value.to_owned(), reason: error.to_string() };
        read.map(|given| Some(given.without_foreign())).map_err(unreadable)
    }

    /// An edited annotation must not take a node out of its pool.
    fn without_foreign(mut self) -> Self {
        self.labels.retain(|key, _| !NOT_GIVEN.contains(&key.as_str()));
        self.annotations.retain(|key, _| key != names::PREVIOUS_ATTRIBUTES);
        self
    }

    fn is_empty(&self) -> bool {
        let Self { labels, annotations, taints } = self;
        labels.is_empty() && annotations.is_empty() && taints.is_empty()
    }
}

/// How a node must change so that of pools it has exactly what `wanted` gives; `None` if it is so.
pub(crate) fn change(node: &Node, wanted: &Attributes) -> Result<Option<NodeChange>, Unreadable> {
    let record = Attributes::given(node)?;
    let given = record.clone().unwrap_or_default();
    let mut annotations = texts(&given.annotations, &wanted.annotations, |key| node.annotation(key).map(str::to_owned));
    if record.unwrap_or_default() != *wanted || (wanted.is_empty() && !given.is_empty()) {
        let text = (!wanted.is_empty()).then(|| serde_json::to_string(wanted).unwrap_or_default());
        annotations.insert(names::PREVIOUS_ATTRIBUTES.to_owned(), text);
    }
    let change = NodeChange {
        labels: texts(&given.labels, &wanted.labels, |key| node.labels.get(key).cloned()),
        annotations,
        taints: taints(&given.taints, &wanted.taints, &node.taints),
    };
    Ok((change != NodeChange::default()).then_some(change))
}

fn texts(
    given: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    now: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, Option<String>> {
    let stale = given.iter().filter(|(key, value)| !wanted.contains_key(*key) && now(key).as_ref() == Some(value));
    let stale = stale.map(|(key, _)| (key.clone(), None));
    let missing = wanted.iter().filter(|(key, value)| now(key).as_ref() != Some(value));
    stale.chain(missing.map(|(key, value)| (key.clone(), Some(value.clone())))).collect()
}

/// Two taints of one key and effect are one.
fn taints(given: &[Taint], wanted: &[Taint], now: &[Taint]) -> Option<Vec<Taint>> {
    let same = |a: &Taint, b: &Taint| (&a.key, &a.effect) == (&b.key, &b.effect);
    let value = |taint: &Taint| taint.value.clone().unwrap_or_default();
    let find = |among: &[Taint], taint: &Taint| among.iter().find(|other| same(other, taint)).cloned();
    let is_stale = |taint: &Taint| {
        find(wanted, taint).is_none() && find(given, taint).is_some_and(|given| value(&given) == value(taint))
    };
    let mut after: Vec<Taint> = now.iter().filter(|taint| !is_stale(taint)).cloned().collect();
    for taint in wanted {
        match after.iter_mut().find(|other| same(other, taint)) {
            Some(there) if value(there) == value(taint) => {}
            Some(there) => *there = taint.clone(),
            None => after.push(taint.clone()),
        }
    }
    (after != now).then_some(after)
}

#[cfg(test)]
mod tests;
