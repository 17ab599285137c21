//! Which nodes a DaemonSet's newest template may run on.
//!
//! The rules are those of the DaemonSet controller (`NodeShouldRunDaemonPod` with its default tolerations), with one
//! difference: the not-ready and unreachable taints are ignored, because with them an offline node would vanish from the
//! fleet, and with it everything known of it. A test compares the result with the real controller.

use crate::fleet::{Name, Node, Taint};

/// The parts of a pod template that decide where its pods may run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// `spec.nodeName`: only this node.
    pub node_name: Option<Name>,
    /// `spec.nodeSelector`: labels that the node must have.
    pub node_selector: Vec<(Name, Name)>,
    /// `requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`: one of them must match; `None`: no such demand.
    pub terms: Option<Vec<Term>>,
    /// `spec.tolerations`, without the default ones.
    pub tolerations: Vec<Toleration>,
    /// `spec.hostNetwork`: such pods also tolerate a node without network.
    pub host_network: bool,
}

/// A node selector term: all of its expressions must match, and an empty term matches nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Term {
    /// Over labels.
    pub expressions: Vec<Expression>,
    /// Over fields; Kubernetes knows only `metadata.name`.
    pub fields: Vec<Expression>,
}

/// A key, an operator and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// Label key or field path.
    pub key: Name,
    /// How to compare.
    pub operator: Operator,
    /// What to compare with.
    pub values: Vec<Name>,
}

/// The operators of node selectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The value is one of those given.
    In,
    /// The key is absent or its value none of those given.
    NotIn,
    /// The key is present.
    Exists,
    /// The key is absent.
    DoesNotExist,
    /// The value is an integer greater than the one given.
    Gt,
    /// The value is an integer less than the one given.
    Lt,
    /// One that this version does not know: matches nothing, so nothing is done on its account.
    Unknown,
}

/// A toleration; empty key or effect match every key or effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    /// The taint's key; empty with `exists` tolerates everything.
    pub key: Name,
    /// Whether any value is tolerated (operator `Exists`).
    pub exists: bool,
    /// The value that is tolerated otherwise.
    pub value: Name,
    /// The effect that is tolerated; empty for all.
    pub effect: Name,
}

/// Taints that the node controller puts on nodes that are away: they say *when*, not *whether*, a pod may run there.
const AWAY_TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// Taints that the DaemonSet controller tolerates by default, with effect `NoSchedule`.
const DEFAULT_TOLERATIONS: [&str; 4] = [
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
];

impl Placement {
    /// Whether the template may run on this node, now or as soon as it is Ready.
    pub fn admits(&self, node: &Node) -> bool {
        self.node_name.as_ref().is_none_or(|name| *name == node.name)
            && self.node_selector.iter().all(|(key, value)| node.label(key) == Some(value))
            && self.terms.as_ref().is_none_or(|terms| terms.iter().any(|term| term.matches(node)))
            && node.taints.iter().all(|taint| self.tolerates(taint))
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        let repels = matches!(&*taint.effect, "NoSchedule" | "NoExecute");
        !repels
            || AWAY_TAINTS.contains(&&*taint.key)
            || (&*taint.effect == "NoSchedule" && DEFAULT_TOLERATIONS.contains(&&*taint.key))
            || (self.host_network && &*taint.key == "node.kubernetes.io/network-unavailable")
            || self.tolerations.iter().any(|toleration| toleration.covers(taint))
    }
}

impl Toleration {
    fn covers(&self, taint: &Taint) -> bool {
        (self.effect.is_empty() || self.effect == taint.effect)
            && (if self.key.is_empty() { self.exists } else { self.key == taint.key })
            && (self.exists || self.value == taint.value)
    }
}

impl Term {
    fn matches(&self, node: &Node) -> bool {
        (!self.expressions.is_empty() || !self.fields.is_empty())
            && self.expressions.iter().all(|expression| expression.matches(node.label(&expression.key)))
            && self.fields.iter().all(|field| &*field.key == "metadata.name" && field.matches(Some(&node.name)))
    }
}

impl Expression {
    pub(crate) fn matches(&self, found: Option<&str>) -> bool {
        let listed = |value: &str| self.values.iter().any(|v| &**v == value);
        let integers = || Some((found?.parse::<i64>().ok()?, self.values.first()?.parse::<i64>().ok()?));
        match self.operator {
            Operator::In => found.is_some_and(listed),
            Operator::NotIn => !found.is_some_and(listed),
            Operator::Exists => found.is_some(),
            Operator::DoesNotExist => found.is_none(),
            Operator::Gt => integers().is_some_and(|(found, bound)| found > bound),
            Operator::Lt => integers().is_some_and(|(found, bound)| found < bound),
            Operator::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::Operator::{DoesNotExist, Exists, Gt, In, Lt, NotIn, Unknown};
    use super::*;
    use crate::fleet::{Link, Uid};

    fn node(labels: &[(&str, &str)], taints: &[(&str, &str, &str)]) -> Node {
        let mut labels: Vec<(Name, Name)> = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        labels.sort();
        Node {
            name: "n1".into(),
            uid: Uid::from_u128(1),
            pool: "p".into(),
            labels: labels.into(),
            taints: taints
                .iter()
                .map(|(k, v, e)| Taint { key: (*k).into(), value: (*v).into(), effect: (*e).into() })
                .collect(),
            cordoned: false,
            link: Link::Ready(Timestamp::UNIX_EPOCH),
        }
    }

    fn expression(key: &str, operator: Operator, values: &[&str]) -> Expression {
        Expression { key: key.into(), operator, values: values.iter().map(|v| Arc::from(*v)).collect() }
    }

    #[test]
    fn selectors_and_terms() {
        let n = node(&[("arch", "arm64"), ("gen", "7")], &[]);
        let yes = |expression| Placement {
            terms: Some(vec![Term { expressions: vec![expression], fields: vec![] }]),
            ..Placement::default()
        };
        for (key, operator, values, admitted) in [
            ("arch", In, vec!["amd64", "arm64"], true),
            ("arch", In, vec!["amd64"], false),
            ("arch", NotIn, vec!["amd64"], true),
            ("none", NotIn, vec!["amd64"], true),
            ("gen", Exists, vec![], true),
            ("gen", DoesNotExist, vec![], false),
            ("gen", Gt, vec!["6"], true),
            ("gen", Lt, vec!["6"], false),
            ("arch", Gt, vec!["6"], false),
            ("arch", Unknown, vec!["arm64"], false),
        ] {
            assert_eq!(yes(expression(key, operator, &values)).admits(&n), admitted, "{key} {operator:?} {values:?}");
        }
        let empty = Placement { terms: Some(vec![Term::default()]), ..Placement::default() };
        assert!(!empty.admits(&n), "an empty term matches nothing");
        let by_name = |name: &str| Placement {
            terms: Some(vec![Term { expressions: vec![], fields: vec![expression("metadata.name", In, &[name])] }]),
            ..Placement::default()
        };
        assert!(by_name("n1").admits(&n) && !by_name("n2").admits(&n));
        let selector = |v: &str| Placement { node_selector: vec![("arch".into(), v.into())], ..Placement::default() };
        assert!(selector("arm64").admits(&n) && !selector("amd64").admits(&n));
        let pinned = |v: &str| Placement { node_name: Some(v.into()), ..Placement::default() };
        assert!(pinned("n1").admits(&n) && !pinned("n2").admits(&n));
    }

    #[test]
    fn taints() {
        let tolerant = |key: &str, exists, value: &str, effect: &str| Placement {
            tolerations: vec![Toleration { key: key.into(), exists, value: value.into(), effect: effect.into() }],
            ..Placement::default()
        };
        let plain = Placement::default();
        assert!(plain.admits(&node(&[], &[("node.kubernetes.io/unreachable", "", "NoSchedule")])), "offline stays");
        assert!(plain.admits(&node(&[], &[("node.kubernetes.io/unschedulable", "", "NoSchedule")])));
        assert!(plain.admits(&node(&[], &[("soft", "", "PreferNoSchedule")])));
        let gpu = node(&[], &[("gpu", "a", "NoSchedule")]);
        assert!(!plain.admits(&gpu));
        assert!(tolerant("gpu", false, "a", "").admits(&gpu));
        assert!(!tolerant("gpu", false, "b", "").admits(&gpu));
        assert!(tolerant("gpu", true, "", "NoSchedule").admits(&gpu));
        assert!(!tolerant("gpu", true, "", "NoExecute").admits(&gpu));
        assert!(tolerant("", true, "", "").admits(&gpu));
        let bare = node(&[], &[("node.kubernetes.io/network-unavailable", "", "NoSchedule")]);
        assert!(!plain.admits(&bare) && Placement { host_network: true, ..Placement::default() }.admits(&bare));
    }
}
