//! What a recorder measures.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// Metrics of one recorder. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct EventMetrics {
    /// Occurrences told to the recorder.
    pub(super) recorded: Counter,
    /// Writes to the API server, failed ones included.
    pub(super) writes: Counter,
    /// Occurrences that no Event will ever tell.
    pub(super) dropped: Counter,
}

impl EventMetrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("events_recorded", "Occurrences to be told in Events", self.recorded.clone());
        registry.register("events_writes", "Writes of Events", self.writes.clone());
        registry.register("events_dropped", "Occurrences that no Event tells", self.dropped.clone());
    }
}
