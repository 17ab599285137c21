//! Which pools a wave or a window is about: a Kubernetes label selector over the labels of NodePools.

use crate::fleet::Name;
use crate::placement::Expression;

/// A label selector: all of it must match, so an empty one matches every pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// `matchLabels`.
    pub labels: Vec<(Name, Name)>,
    /// `matchExpressions`, with the operators `In`, `NotIn`, `Exists` and `DoesNotExist`.
    pub expressions: Vec<Expression>,
}

/// The labels of a NodePool, sorted by key. A pool without such an object (as that of unlabelled nodes) has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolLabels {
    /// The pool's name.
    pub pool: Name,
    /// Its labels.
    pub labels: Vec<(Name, Name)>,
}

impl Selector {
    /// Whether a pool with these labels, sorted by key, is meant.
    pub fn matches(&self, labels: &[(Name, Name)]) -> bool {
        let found = |key: &str| {
            let at = labels.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
            Some(&*labels[at].1)
        };
        self.labels.iter().all(|(key, value)| found(key) == Some(value))
            && self.expressions.iter().all(|expression| expression.matches(found(&expression.key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::Operator;

    #[test]
    fn all_of_a_selector_must_match_and_nothing_matches_all() {
        let labels: Vec<(Name, Name)> = vec![("site".into(), "a".into()), ("tier".into(), "lab".into())];
        let wants = |key: &str, value: &str| Selector { labels: vec![(key.into(), value.into())], expressions: vec![] };
        let not_in = |key: &str, value: &str| {
            let (key, values) = (key.into(), vec![value.into()]);
            Selector { labels: vec![], expressions: vec![Expression { key, operator: Operator::NotIn, values }] }
        };
        for (selector, with, without) in [
            (Selector::default(), true, true),
            (wants("tier", "lab"), true, false),
            (wants("tier", "shop"), false, false),
            (not_in("tier", "lab"), false, true),
            (not_in("tier", "shop"), true, true),
            (Selector { labels: wants("tier", "lab").labels, ..not_in("site", "a") }, false, false),
        ] {
            assert_eq!((selector.matches(&labels), selector.matches(&[])), (with, without), "{selector:?}");
        }
    }
}
