//! Whether a process may be sent work: named conditions, all of which must hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// The conditions of a process. Cheap to clone; all clones are the same conditions.
#[derive(Clone, Debug)]
pub struct Readiness {
    state: Arc<watch::Sender<State>>,
}

/// One condition, held by the part of the service that knows whether it is true.
///
/// Dropping it changes nothing: what was ready stays ready.
#[derive(Clone, Debug)]
pub struct Condition {
    name: &'static str,
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What each condition lacks; `None` when it holds.
    conditions: BTreeMap<&'static str, Option<String>>,
    draining: bool,
}

impl Readiness {
    /// No conditions yet, so ready.
    pub fn new() -> Self {
        Self { state: Arc::new(watch::Sender::new(State::default())) }
    }

    /// Adds a condition, not yet true. A second one of the same name is the same condition.
    pub fn register(&self, name: &'static str) -> Condition {
        self.state.send_modify(|state| {
            state.conditions.entry(name).or_insert_with(|| Some("not yet".to_owned()));
        });
        Condition { name, state: Arc::clone(&self.state) }
    }

    /// True when every condition holds and no shutdown has begun.
    pub fn is_ready(&self) -> bool {
        self.state.borrow().is_ready()
    }

    /// True once shutdown has begun.
    pub fn is_draining(&self) -> bool {
        self.state.borrow().draining
    }

    /// What keeps the process from being ready, as `name: what is missing`; empty when ready.
    pub fn missing(&self) -> Vec<String> {
        let state = self.state.borrow();
        let draining = state.draining.then(|| "shutting down".to_owned());
        let conditions =
            state.conditions.iter().filter_map(|(name, lack)| lack.as_ref().map(|lack| format!("{name}: {lack}")));
        draining.into_iter().chain(conditions).collect()
    }

    /// Makes the process unready for the rest of its life.
    pub fn drain(&self) {
        self.state.send_modify(|state| state.draining = true);
    }

    /// Waits until the process is ready (`true`) or is not (`false`).
    pub async fn until(&self, ready: bool) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(|state| state.is_ready() == ready).await;
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Condition {
    /// The condition holds.
    pub fn ready(&self) {
        self.set(None);
    }

    /// The condition does not hold: `lack` says what is missing, as in `3 of 4 watches listed`.
    pub fn unready(&self, lack: impl Into<String>) {
        self.set(Some(lack.into()));
    }

    fn set(&self, lack: Option<String>) {
        self.state.send_if_modified(|state| match state.conditions.get_mut(self.name) {
            Some(current) if *current != lack => {
                *current = lack;
                true
            }
            _ => false,
        });
    }
}

impl State {
    fn is_ready(&self) -> bool {
        !self.draining && self.conditions.values().all(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_condition_holds() {
        let readiness = Readiness::new();
        assert!(readiness.is_ready());
        let pods = readiness.register("pods");
        let nodes = readiness.register("nodes");
        assert_eq!(readiness.missing(), ["nodes: not yet", "pods: not yet"]);
        pods.ready();
        nodes.unready("list at 3 of 4");
        assert_eq!(readiness.missing(), ["nodes: list at 3 of 4"]);
        nodes.ready();
        assert!(readiness.is_ready());
        readiness.register("pods");
        assert!(readiness.is_ready(), "registering again keeps the state");
    }

    #[test]
    fn draining_is_for_good() {
        let readiness = Readiness::new();
        let pods = readiness.register("pods");
        readiness.drain();
        pods.ready();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.missing(), ["shutting down"]);
    }
}
