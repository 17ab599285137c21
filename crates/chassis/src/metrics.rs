//! The metrics of a process, shared by all of its parts.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::About;

/// The registry of a process. Every metric is named `drover_…`. Cheap to clone.
///
/// Labels must be bounded: a pool or a method may be one, an object, a node or a device may not.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

impl Metrics {
    /// A registry that holds `drover_build_info`, with the service's name and version.
    pub fn new(about: About) -> Self {
        let mut registry = Registry::with_prefix("drover");
        registry.register(
            "build",
            "The service and its version",
            Info::new(vec![("service", about.service), ("version", about.version)]),
        );
        Self { registry: Arc::new(Mutex::new(registry)) }
    }

    /// Adds `metric` as `drover_{name}` and returns it, to be kept by the part that counts.
    /// Clones of a metric share their values.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        self.with(|registry| registry.register(name, help, metric.clone()));
        metric
    }

    /// Works on the registry itself, for units, collectors and sub-registries.
    pub fn with<T>(&self, work: impl FnOnce(&mut Registry) -> T) -> T {
        work(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All metrics in the `OpenMetrics` text format.
    ///
    /// # Errors
    /// When a collector fails to encode itself.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        self.with(|registry| encode(&mut text, registry))?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn metrics_are_prefixed_and_say_what_was_built() {
        let metrics = Metrics::new(About { service: "herd", version: "1.2.3", summary: "" });
        let counter: Counter = metrics.register("sheep", "Sheep counted", Counter::default());
        counter.inc();
        let text = metrics.encode().unwrap();
        assert!(text.contains("drover_build_info{service=\"herd\",version=\"1.2.3\"} 1"));
        assert!(text.contains("drover_sheep_total 1"));
        assert!(text.ends_with("# EOF\n"));
    }
}
