//! What appset-controller measures of its own work.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Labels: what was done and how it ended; never an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) writes: Family<Written, Counter>,
    pub(crate) trials: Family<Ended, Counter>,
    pub(crate) statuses: Counter,
    pub(crate) confirmations: Counter,
}

/// A write of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Written {
    pub(crate) action: &'static str,
    pub(crate) outcome: &'static str,
}

/// How something ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Ended {
    pub(crate) outcome: &'static str,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("appset_workload_writes", "Writes of workloads by what they did", self.writes.clone());
        registry.register("appset_trials", "Dry runs of a new revision, one per set of tweaks", self.trials.clone());
        registry.register("appset_status_writes", "Writes of a YurtAppSet's status", self.statuses.clone());
        registry.register(
            "appset_confirmations",
            "Lists of NodePools and workloads that were read with quorum, before one is made or deleted",
            self.confirmations.clone(),
        );
    }
}
