//! What `TopologyService` measures.

use chassis::feed::Reset;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counted by what is watched: pools or nodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    watches: Family<Watched, Gauge>,
    messages: Family<Watched, Counter>,
    resets: Family<Begun, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Watched {
    watched: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Begun {
    watched: &'static str,
    reason: &'static str,
}

/// A watch while it lasts.
#[derive(Debug)]
pub(super) struct Counted {
    watches: Gauge,
    messages: Counter,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("topology_watches", "Watches of TopologyService", self.watches.clone());
        registry.register("topology_messages", "Messages sent on watches of TopologyService", self.messages.clone());
        registry.register(
            "topology_resets",
            "Watches of TopologyService that were begun anew, by reason",
            self.resets.clone(),
        );
    }

    pub(super) fn watch(&self, watched: &'static str) -> Counted {
        let watches = self.watches.get_or_create_owned(&Watched { watched });
        watches.inc();
        Counted { watches, messages: self.messages.get_or_create_owned(&Watched { watched }) }
    }

    pub(super) fn reset(&self, watched: &'static str, reset: Reset) {
        let reason = match reset {
            Reset::OtherEpoch => "other_epoch",
            Reset::TooOld => "too_old",
            Reset::OtherSelection => "other_selector",
            Reset::Ahead => "ahead",
        };
        self.resets.get_or_create(&Begun { watched, reason }).inc();
    }
}

impl Counted {
    pub(super) fn message(&self) {
        self.messages.inc();
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.watches.dec();
    }
}
