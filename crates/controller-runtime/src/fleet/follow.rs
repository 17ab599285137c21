//! Keeps the mirror up to date for as long as it is polled.

use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use kube::Client;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::node_frame::NodeFrame;
use super::pod_frame::PodFrame;
use super::{Fleet, Touched};
use crate::watch::{Watch, WatchMetrics, WatchTarget};

/// The labels that the DaemonSet controller puts on its pods, and no other controller both of them.
const DAEMON_PODS: &str = "controller-revision-hash,pod-template-generation";

/// What the mirror tells of itself, read when metrics are scraped.
#[derive(Debug)]
pub struct FleetMetrics(Fleet);

impl FleetMetrics {
    /// Adds `fleet_nodes`, `fleet_pods` and `fleet_pod_bytes` to a registry.
    pub fn register(fleet: &Fleet, registry: &mut Registry) {
        registry.register_collector(Box::new(Self(fleet.clone())));
    }
}

impl Collector for FleetMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let state = self.0.lock();
        for (name, help, value) in [
            ("fleet_nodes", "Nodes in the mirror", state.node_count()),
            ("fleet_pods", "DaemonSet pods in the mirror", state.pod_count()),
            ("fleet_pod_bytes", "Bytes of the pods in the mirror", state.pod_bytes()),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// Follows nodes and pods, and tells `on_change` after each batch that touched anything. Never ends.
pub async fn follow(client: Client, fleet: Fleet, watches: WatchMetrics, mut on_change: impl FnMut(&Touched)) {
    let nodes = || Watch::<NodeFrame>::new(client.clone(), WatchTarget::of::<v1::Node>(None), &watches);
    let pods =
        || Watch::<PodFrame>::new(client.clone(), WatchTarget::of::<v1::Pod>(None).labels(DAEMON_PODS), &watches);
    let (mut node_watch, mut pod_watch) = (nodes(), pods());
    let (mut node_batch, mut pod_batch) = (Vec::new(), Vec::new());
    loop {
        let mut touched = Touched::default();
        tokio::select! {
            biased;
            () = fleet.relist.notified() => (node_watch, pod_watch) = (nodes(), pods()),
            () = node_watch.next_batch(&mut node_batch) => {
                let (now, mut state) = (Timestamp::now(), fleet.lock());
                node_batch.drain(..).for_each(|signal| state.nodes.take(signal, now, &mut touched));
            }
            () = pod_watch.next_batch(&mut pod_batch) => {
                let (now, mut state) = (Timestamp::now(), fleet.lock());
                pod_batch.drain(..).for_each(|signal| state.pods.take(signal, now, &mut touched));
            }
        }
        if touched != Touched::default() {
            on_change(&touched);
        }
    }
}
