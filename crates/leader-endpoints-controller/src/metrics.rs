//! What leader-endpoints-controller measures of its work. Labels: kinds, strategies, outcomes; never an object.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::ledger::Ledger;

/// Counters of this replica.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) elections: Family<Held, Counter>,
    pub(crate) writes: Family<Written, Counter>,
    pub(crate) loss_to_leader: Histogram,
    pub(crate) node_changes: Counter,
}

/// An election that changed something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Held {
    /// `random`, `mark`, or `none` where there is nothing to be elected.
    pub(crate) strategy: &'static str,
    /// As the condition's reason: `Elected`, `FewerThanAsked`, `NoCandidate` and so on.
    pub(crate) outcome: &'static str,
}

/// A write of an output.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Written {
    pub(crate) output: &'static str,
    /// `done`, `refused` or `failed`.
    pub(crate) outcome: &'static str,
}

/// The ledger, as metrics.
#[derive(Debug)]
struct LedgerMetrics(Arc<Ledger>);

impl Default for Metrics {
    fn default() -> Self {
        Self {
            elections: Family::default(),
            writes: Family::default(),
            // 0.5 ms to 30 s in steps of 1.25: a p99 is known to a quarter.
            loss_to_leader: Histogram::new(exponential_buckets(5e-4, 1.25, 50)),
            node_changes: Counter::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry, ledger: Arc<Ledger>) {
        registry.register(
            "leader_elections",
            "Elections that changed something, by strategy and outcome",
            self.elections.clone(),
        );
        registry.register(
            "leader_output_writes",
            "Writes of Endpoints, ConfigMaps and EndpointSlices, by outcome",
            self.writes.clone(),
        );
        registry.register(
            "leader_loss_to_published_seconds",
            "From the receipt of the frame in which a leader is lost to the answer to the last write that tells of it",
            self.loss_to_leader.clone(),
        );
        registry.register(
            "node_attribute_changes",
            "Nodes that were given attributes of their pool, or deprived of them",
            self.node_changes.clone(),
        );
        registry.register_collector(Box::new(LedgerMetrics(ledger)));
    }
}

impl Collector for LedgerMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let tallies = self.0.tallies();
        let number = |count: usize| ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
        let without = number(self.0.without_leader());
        let help = "Pools that ask for leaders and have none";
        without.encode(encoder.encode_descriptor("pools_without_leader", help, None, without.metric_type())?)?;
        let help = "Outputs by kind and state: current, pending (about to be written) or refused";
        let mut outputs = encoder.encode_descriptor("leader_outputs", help, None, without.metric_type())?;
        for (kind, tally) in &tallies {
            for (state, count) in [("current", tally.current), ("pending", tally.pending), ("refused", tally.refused)] {
                number(count).encode(outputs.encode_family(&[("output", *kind), ("state", state)])?)?;
            }
        }
        let help = "Age of the oldest output of a kind that does not say what it should; 0 if all do";
        let mut oldest =
            encoder.encode_descriptor("leader_output_oldest_pending_seconds", help, None, without.metric_type())?;
        for (kind, tally) in &tallies {
            ConstGauge::new(tally.oldest.as_secs_f64()).encode(oldest.encode_family(&[("output", *kind)])?)?;
        }
        Ok(())
    }
}
