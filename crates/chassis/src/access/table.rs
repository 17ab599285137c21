//! Which callers may call which method.

use std::collections::BTreeMap;

use super::Allow;

/// The rules of a service. A method without a rule is called by nobody.
#[derive(Clone, Debug, Default)]
pub struct Table {
    services: BTreeMap<String, Rule>,
    methods: BTreeMap<String, BTreeMap<String, Rule>>,
}

/// Who may call a method.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) allow: Allow,
    /// Whether who connects from this host need not be known.
    pub(crate) open_on_loopback: bool,
}

impl Table {
    /// Allows these callers every method of a gRPC service, named with its package, that has no rule of its own.
    #[must_use]
    pub fn service(mut self, service: &str, allow: Allow) -> Self {
        self.services.insert(service.to_owned(), Rule { allow, open_on_loopback: false });
        self
    }

    /// Allows these callers one method of a service, and nobody else.
    #[must_use]
    pub fn method(mut self, service: &str, method: &str, allow: Allow) -> Self {
        let rule = Rule { allow, open_on_loopback: false };
        self.methods.entry(service.to_owned()).or_default().insert(method.to_owned(), rule);
        self
    }

    /// Lets everybody on this host, and every known caller elsewhere, call a service.
    pub(crate) fn open_on_loopback(&mut self, service: &str) {
        self.services.insert(service.to_owned(), Rule { allow: Allow::known(), open_on_loopback: true });
    }

    /// The rules of this table, with those of `other` over them.
    #[must_use]
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.services.extend(other.services);
        for (service, methods) in other.methods {
            self.methods.entry(service).or_default().extend(methods);
        }
        self
    }

    /// The rule of a method, if there is one.
    pub(crate) fn rule(&self, service: &str, method: &str) -> Option<&Rule> {
        let own = self.methods.get(service).and_then(|methods| methods.get(method));
        own.or_else(|| self.services.get(service))
    }

    /// The first service or method with a rule that is not among those served.
    pub(crate) fn unknown(&self, is_served: impl Fn(&str, Option<&str>) -> bool) -> Option<String> {
        let service = self.services.keys().find(|service| !is_served(service, None)).cloned();
        service.or_else(|| {
            let mut methods =
                self.methods.iter().flat_map(|(service, methods)| methods.keys().map(move |method| (service, method)));
            let unknown = methods.find(|(service, method)| !is_served(service, Some(method)));
            unknown.map(|(service, method)| format!("{service}/{method}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Account, Caller};
    use super::*;

    #[test]
    fn a_methods_own_rule_wins_and_nothing_is_allowed_without() {
        let caller = Caller::new(Account::new("a", "b").unwrap());
        let table = Table::default().service("s.S", Allow::known()).method("s.S", "Set", Allow::accounts([]));
        let admits = |service, method| table.rule(service, method).is_some_and(|rule| rule.allow.admits(&caller));
        assert!(admits("s.S", "Get") && !admits("s.S", "Set") && !admits("s.T", "Get"));
        assert!(table.unknown(|service, _| service == "s.S").is_none());
        assert_eq!(table.unknown(|_, method| method.is_none()).as_deref(), Some("s.S/Set"));
        assert_eq!(table.unknown(|_, _| false).as_deref(), Some("s.S"));
    }
}
