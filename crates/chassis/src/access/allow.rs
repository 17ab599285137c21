//! Sets of callers.

use std::fmt;

use super::{Account, Caller};

/// The callers that a rule allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow(Vec<Grant>);

/// One alternative.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    who: Who,
    on_a_node: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Known,
    Account(Account),
    Namespace(String),
}

impl Allow {
    /// Everybody with a good token. Every pod of the cluster can have one: the method must not care who asks, or look
    /// itself at the [`Caller`].
    pub fn known() -> Self {
        Self(vec![Grant::to(Who::Known)])
    }

    /// These accounts; none of them: nobody.
    pub fn accounts(accounts: impl IntoIterator<Item = Account>) -> Self {
        Self(accounts.into_iter().map(|account| Grant::to(Who::Account(account))).collect())
    }

    /// The accounts of a namespace.
    pub fn namespace(namespace: &str) -> Self {
        Self(vec![Grant::to(Who::Namespace(namespace.to_owned()))])
    }

    /// The same callers, but only with a token that is bound to a node.
    #[must_use]
    pub fn on_a_node(mut self) -> Self {
        self.0.iter_mut().for_each(|grant| grant.on_a_node = true);
        self
    }

    /// These callers and those.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether this caller is among them.
    pub fn admits(&self, caller: &Caller) -> bool {
        self.0.iter().any(|grant| grant.admits(caller))
    }
}

impl Grant {
    fn to(who: Who) -> Self {
        Self { who, on_a_node: false }
    }

    fn admits(&self, caller: &Caller) -> bool {
        let is_who = match &self.who {
            Who::Known => true,
            Who::Account(account) => *account == caller.account,
            Who::Namespace(namespace) => namespace == caller.account.namespace(),
        };
        is_who && (!self.on_a_node || caller.node.is_some())
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nobody");
        }
        for (index, Grant { who, on_a_node }) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            match who {
                Who::Known => f.write_str("every known caller")?,
                Who::Account(account) => account.fmt(f)?,
                Who::Namespace(namespace) => write!(f, "the accounts of namespace {namespace}")?,
            }
            f.write_str(if *on_a_node { " with a token bound to a node" } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bound;
    use super::*;

    fn caller(namespace: &str, name: &str, node: Option<&str>) -> Caller {
        let node = node.map(|name| Bound { name: name.to_owned(), uid: "1".to_owned() });
        Caller { node, ..Caller::new(Account::new(namespace, name).unwrap()) }
    }

    #[test]
    fn each_alternative_is_enough_and_nothing_else_is() {
        let admin = Account::new("a", "admin").unwrap();
        let allow = Allow::accounts([admin]).or(Allow::namespace("edge").on_a_node());
        assert!(allow.admits(&caller("a", "admin", None)));
        assert!(allow.admits(&caller("edge", "hub", Some("n"))));
        assert!(!allow.admits(&caller("edge", "hub", None)));
        assert!(!allow.admits(&caller("a", "other", Some("n"))));
        assert_eq!(allow.to_string(), "a/admin, the accounts of namespace edge with a token bound to a node");
        assert!(Allow::known().admits(&caller("x", "y", None)));
        assert!(!Allow::known().on_a_node().admits(&caller("x", "y", None)));
        assert!(!Allow::accounts([]).admits(&caller("x", "y", None)));
        assert_eq!(Allow::accounts([]).to_string(), "nobody");
    }
}
