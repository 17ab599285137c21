//! What an election measures.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Metrics of one election. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct LeaseMetrics {
    /// 1 while this replica may write.
    pub(super) leading: Gauge,
    /// Times this replica began or ceased to lead.
    pub(super) transitions: Counter,
    /// Renewals that did not succeed.
    pub(super) failed_renewals: Counter,
}

impl LeaseMetrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("lease_leading", "1 while this replica leads", self.leading.clone());
        registry.register("lease_transitions", "Times this replica began or ceased to lead", self.transitions.clone());
        registry.register("lease_failed_renewals", "Renewals that did not succeed", self.failed_renewals.clone());
    }
}
