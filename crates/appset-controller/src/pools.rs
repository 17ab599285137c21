//! Which pools a YurtAppSet or one of its tweaks is about: those it names and those its selector chooses.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use api::node_pool::NodePool;
use api::yurt_app_set::{InvalidSelector, Selector, YurtAppSetSpec};
use planner::fleet::{Name, Uid};
use planner::strategy;

use crate::canonical::Hash;

/// A NodePool as selectors and rollouts see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its UID: a pool that is made again under its name is another one to a run.
    pub uid: Uid,
    /// Its status does not say that none of its nodes is Ready. One that says nothing counts as reachable.
    pub reachable: bool,
    /// Its labels, by key.
    labels: Arc<[(Name, Name)]>,
}

/// Some pools: those of these names, and those that a selector chooses.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    names: HashSet<String>,
    /// `None` chooses no pool.
    selector: Option<strategy::Selector>,
}

/// The pools of a YurtAppSet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection<'a> {
    /// Those that are there, by name.
    pub pools: BTreeMap<&'a str, &'a Pool>,
    /// Names in `spec.pools` that no NodePool has, sorted, each once.
    pub unknown: Vec<&'a str>,
}

impl Pool {
    /// A pool of this name and these labels, of which nothing else is known.
    pub fn new<'a>(name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let labels: BTreeMap<&str, &str> = labels.into_iter().collect();
        Self {
            name: name.to_owned(),
            uid: uid(name),
            reachable: true,
            labels: labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
        }
    }

    /// The same with its UID, and with how many of its nodes its status says are Ready, if it says so.
    #[must_use]
    pub fn seen(self, uid: Uid, ready_nodes: Option<i64>) -> Self {
        Self { uid, reachable: ready_nodes.is_none_or(|ready| ready > 0), ..self }
    }

    /// Its labels, by key.
    pub const fn labels(&self) -> &Arc<[(Name, Name)]> {
        &self.labels
    }
}

/// A UID, or for a text that is none (objects are what others make them) one that only this text has.
pub(crate) fn uid(text: &str) -> Uid {
    text.parse().unwrap_or_else(|_| {
        let [high, low] = ["high", "low"].map(|half| u128::from(Hash::of_text(&format!("{half}/{text}")).bits()));
        Uid::from_u128((high << 64) | low)
    })
}

impl From<&NodePool> for Pool {
    fn from(pool: &NodePool) -> Self {
        let labels = pool.metadata.labels.iter().flatten();
        let labels = labels.map(|(key, value)| (key.as_str(), value.as_str()));
        let seen = Self::new(pool.metadata.name.as_deref().unwrap_or_default(), labels);
        let ready = pool.status.as_ref().map(|status| i64::from(status.ready_node_num));
        seen.seen(uid(pool.metadata.uid.as_deref().unwrap_or_default()), ready)
    }
}

impl Choice {
    /// These names and what this selector chooses; `path` is where the selector stands.
    pub fn new(names: &[String], selector: Option<&Selector>, path: &str) -> Result<Self, InvalidSelector> {
        let selector = selector.map(|selector| selector.parse(path)).transpose()?;
        Ok(Self { names: names.iter().cloned().collect(), selector })
    }

    /// Whether it is about this pool.
    pub fn covers(&self, pool: &Pool) -> bool {
        self.names.contains(&pool.name) || self.selector.as_ref().is_some_and(|selector| selector.matches(&pool.labels))
    }
}

/// The pools of a YurtAppSet among all. A selector that cannot be read leaves open which they are: nothing may be done then, least
/// of all deleted.
pub fn select<'a>(spec: &'a YurtAppSetSpec, all: &'a [Pool]) -> Result<Selection<'a>, InvalidSelector> {
    let choice = Choice::new(&spec.pools, spec.nodepool_selector.as_ref(), "spec.nodepoolSelector")?;
    let known: HashMap<&str, &Pool> = all.iter().map(|pool| (pool.name.as_str(), pool)).collect();
    let pools = all.iter().filter(|pool| choice.covers(pool)).map(|pool| (pool.name.as_str(), pool)).collect();
    let mut unknown: Vec<_> = spec.pools.iter().map(String::as_str).filter(|name| !known.contains_key(name)).collect();
    unknown.sort_unstable();
    unknown.dedup();
    Ok(Selection { pools, unknown })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    fn spec(spec: serde_json::Value) -> YurtAppSetSpec {
        serde_json::from_value(spec).unwrap()
    }

    fn names<'a>(spec: &'a YurtAppSetSpec, all: &'a [Pool]) -> (Vec<&'a str>, Vec<&'a str>) {
        let selection = select(spec, all).unwrap();
        (selection.pools.into_keys().collect(), selection.unknown)
    }

    #[test]
    fn names_and_selector_are_a_union_without_doubles() {
        let all = [Pool::new("c", [("tier", "lab")]), Pool::new("a", [("tier", "lab")]), Pool::new("b", [])];
        let both =
            spec(json!({"pools": ["b", "a", "b", "x", "x"], "nodepoolSelector": {"matchLabels": {"tier": "lab"}}}));
        assert_eq!(names(&both, &all), (vec!["a", "b", "c"], vec!["x"]));
        assert_eq!(names(&spec(json!({})), &all).0, Vec::<&str>::new(), "no selector is no pool");
        assert_eq!(
            names(&spec(json!({"nodepoolSelector": {}})), &all).0,
            ["a", "b", "c"],
            "an empty one is every pool"
        );
        let absent =
            spec(json!({"nodepoolSelector": {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}}));
        assert_eq!(names(&absent, &all).0, ["b"]);
    }

    /// Defect 6 of OpenYurt: this ends its process, at every start.
    #[test]
    fn an_invalid_operator_is_an_error_with_its_path() {
        let odd =
            spec(json!({"pools": ["a"], "nodepoolSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}));
        let refused = select(&odd, &[]).unwrap_err().to_string();
        assert_eq!(
            refused,
            "spec.nodepoolSelector.matchExpressions[0].operator: \"Near\" is not In, NotIn, Exists or DoesNotExist"
        );
    }

    #[test]
    fn ten_thousand_pools_named_and_labelled_are_fast() {
        let name = |index: usize| format!("pool-{index}");
        let all: Vec<_> = (0..10_000).map(|index| Pool::new(&name(index), [("tier", "lab")])).collect();
        let both = YurtAppSetSpec {
            pools: (5_000..15_000).map(name).collect(),
            ..spec(json!({"nodepoolSelector": {"matchLabels": {"tier": "lab"}}}))
        };
        let started = Instant::now();
        let selection = select(&both, &all).unwrap();
        assert_eq!((selection.pools.len(), selection.unknown.len()), (10_000, 5_000));
        // Comparing each name with each pool would take minutes in a debug build, this some hundredths of a second.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}
