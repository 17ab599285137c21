//! What is counted of runs.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// What a controller counts of its runs.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(super) halts: Counter,
    pub(super) held: Counter,
}

impl Metrics {
    /// Registers `rollout_halts` and `rollout_holds_escalated`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("rollout_halts", "Runs that halted", self.halts.clone());
        registry.register(
            "rollout_holds_escalated",
            "Holds that stand for longer than timing.escalate_after",
            self.held.clone(),
        );
    }
}
