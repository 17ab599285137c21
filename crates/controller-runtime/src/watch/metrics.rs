//! What watches count. Labels: the plural resource name and the kind of interruption.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Metrics of all watches of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct WatchMetrics {
    frames: Family<OfResource, Counter>,
    bytes: Family<OfResource, Counter>,
    lists: Family<OfResource, Counter>,
    interruptions: Family<Interruption, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfResource {
    resource: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Interruption {
    resource: String,
    kind: &'static str,
}

/// The counters of one watch, looked up once.
pub(super) struct WatchCounters {
    resource: String,
    pub(super) frames: Counter,
    pub(super) bytes: Counter,
    pub(super) lists: Counter,
    interruptions: Family<Interruption, Counter>,
}

impl WatchMetrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("watch_frames", "Frames received by watches", self.frames.clone());
        registry.register("watch_bytes", "Bytes received by watches", self.bytes.clone());
        registry.register("watch_lists", "Full lists begun by watches", self.lists.clone());
        registry.register("watch_interruptions", "Ends of watch connections", self.interruptions.clone());
    }

    pub(super) fn of(&self, path: &str) -> WatchCounters {
        let resource = path.rsplit('/').next().unwrap_or(path).to_owned();
        let labels = OfResource { resource: resource.clone() };
        WatchCounters {
            resource,
            frames: self.frames.get_or_create(&labels).clone(),
            bytes: self.bytes.get_or_create(&labels).clone(),
            lists: self.lists.get_or_create(&labels).clone(),
            interruptions: self.interruptions.clone(),
        }
    }
}

impl WatchCounters {
    pub(super) fn interrupted(&self, kind: &'static str) {
        self.interruptions.get_or_create(&Interruption { resource: self.resource.clone(), kind }).inc();
    }
}
