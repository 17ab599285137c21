//! What a queue measures. Labels: how a run ended and the kind of its error; never a key.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// Metrics of one queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct QueueMetrics {
    pub(super) waiting: Gauge,
    pub(super) running: Gauge,
    pub(super) limit: Gauge,
    pub(super) seconds: Histogram,
    pub(super) runs: Family<Ended, Counter>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Ended {
    /// `await`, `after`, `backoff`, `await_change`, `terminal` or `panicked`.
    pub(super) outcome: &'static str,
    /// The error's kind; empty for a success.
    pub(super) error: &'static str,
}

impl Default for QueueMetrics {
    fn default() -> Self {
        Self {
            waiting: Gauge::default(),
            running: Gauge::default(),
            limit: Gauge::default(),
            // 100 µs, a pass over a small fleet that finds nothing to do, to 100 s, a write that waits out its deadlines.
            seconds: Histogram::new(exponential_buckets(1e-4, 4.0, 11)),
            runs: Family::default(),
        }
    }
}

impl QueueMetrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("queue_waiting", "Keys that wait for a worker", self.waiting.clone());
        registry.register("queue_running", "Keys that are worked on", self.running.clone());
        registry.register("queue_workers", "Keys that may be worked on at once", self.limit.clone());
        registry.register("reconcile_seconds", "Duration of reconciles", self.seconds.clone());
        registry.register("reconciles", "Reconciles by outcome; backoff and panicked are retried", self.runs.clone());
    }
}
