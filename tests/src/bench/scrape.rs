//! Figures that only the service itself knows, from its `/metrics`.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// Counts of observations by upper bound in seconds, each with all below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Histogram {
    buckets: Vec<(f64, f64)>,
}

/// What daemon-updater tells of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrape {
    /// From the frame that frees a slot to the DELETE that uses it.
    pub(super) slot_to_delete: Histogram,
    /// Bytes of a pod in the mirror.
    pub(super) bytes_per_pod: f64,
    /// How often it has looked at a DaemonSet since it began.
    pub(super) reconciles: f64,
}

impl Scrape {
    /// Asks the service whose admin server has this address.
    pub(super) async fn of(address: &str) -> Result<Self> {
        let answer = xtask::http::get(address, "/metrics").await?;
        Self::read(&answer.body)
    }

    fn read(text: &str) -> Result<Self> {
        let value = |name| value(text, name).with_context(|| format!("no {name} in /metrics"));
        let (bytes, pods) = (value("drover_fleet_pod_bytes")?, value("drover_fleet_pods")?);
        let bytes_per_pod = if pods > 0.0 { bytes / pods } else { 0.0 };
        let slot_to_delete = Histogram::read(text, "drover_slot_to_delete_seconds");
        Ok(Self { slot_to_delete, bytes_per_pod, reconciles: sum(text, "drover_reconciles_total") })
    }
}

impl Histogram {
    fn read(text: &str, name: &str) -> Self {
        let prefix = format!("{name}_bucket{{");
        let bucket = |line: &str| {
            let (labels, count) = line.strip_prefix(&prefix)?.split_once("} ")?;
            let bound = labels.split(',').find_map(|label| label.strip_prefix("le=\"")?.strip_suffix('"'))?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            Some((bound, count.split(' ').next()?.parse().ok()?))
        };
        Self { buckets: text.lines().filter_map(bucket).collect() }
    }

    /// Adds another histogram with the same bounds.
    pub(super) fn add(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
        } else {
            self.buckets.iter_mut().zip(&other.buckets).for_each(|((_, sum), (_, count))| *sum += count);
        }
    }

    /// How many observations there were.
    pub(super) fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    /// The value below which this share of the observations is, taken as evenly spread within a bucket; of the last bucket
    /// its lower bound. `None` without observations.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = self.count() * share;
        let at = self.buckets.iter().position(|(_, count)| *count > 0.0 && *count >= rank)?;
        let (high, upto) = self.buckets[at];
        let (low, below) = at.checked_sub(1).map_or((0.0, 0.0), |before| self.buckets[before]);
        let within = if upto > below { (rank - below) / (upto - below) } else { 1.0 };
        let value = if high.is_finite() { low + (high - low) * within } else { low };
        Some(Duration::from_secs_f64(value))
    }
}

/// The value of a metric without labels.
fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// The sum of a counter over all of its labels.
fn sum(text: &str, name: &str) -> f64 {
    let of_labels = |line: &str| line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once(' ')?.1.parse::<f64>().ok();
    text.lines().filter_map(of_labels).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE drover_fleet_pods gauge\n\
        drover_fleet_pods 4\n\
        drover_fleet_pod_bytes 800\n\
        drover_reconciles_total{outcome=\"await\",error=\"\"} 3\n\
        drover_reconciles_total{outcome=\"backoff\",error=\"ask\"} 4\n\
        drover_slot_to_delete_seconds_sum 1.0\n\
        drover_slot_to_delete_seconds_count 100\n\
        drover_slot_to_delete_seconds_bucket{le=\"0.001\"} 50\n\
        drover_slot_to_delete_seconds_bucket{le=\"0.002\"} 99\n\
        drover_slot_to_delete_seconds_bucket{le=\"+Inf\"} 100\n";

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let scrape = Scrape::read(TEXT).unwrap();
        assert!((scrape.bytes_per_pod - 200.0).abs() < 1e-9);
        assert!((scrape.reconciles - 7.0).abs() < 1e-9);
        let ms = |share| scrape.slot_to_delete.quantile(share).unwrap().as_secs_f64() * 1e3;
        assert!((ms(0.5) - 1.0).abs() < 1e-6, "{}", ms(0.5));
        assert!((ms(0.99) - 2.0).abs() < 1e-6);
        assert!((ms(1.0) - 2.0).abs() < 1e-6, "beyond the last bound nothing is known");
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn histograms_add_up() {
        let one = Scrape::read(TEXT).unwrap().slot_to_delete;
        let mut sum = Histogram::default();
        sum.add(&one);
        sum.add(&one);
        assert!((sum.count() - 200.0).abs() < 1e-9);
        assert_eq!(sum.quantile(0.5), one.quantile(0.5));
    }
}
