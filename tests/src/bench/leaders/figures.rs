//! The figures, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::NODES_PER_POOL;
use super::ledger::OUTPUTS;
use crate::bench::figures::round;

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pools: u32,
    /// From the start of the process until all outputs were written.
    pub(super) cold_start: Duration,
    /// The controller's writes until it was at rest, by kind.
    pub(super) cold_calls: BTreeMap<String, usize>,
    /// From the public loss of a leader until all outputs were written.
    pub(super) failovers: Vec<Duration>,
    /// The controller's writes for all of them, by kind.
    pub(super) failover_calls: BTreeMap<String, usize>,
    /// How often a node went and came back.
    pub(super) flaps: usize,
    /// Bytes meanwhile to who watched: its Endpoints, its NodePool, all NodePools.
    pub(super) watched: [u64; 3],
    /// The most memory that the controller had resident, in bytes.
    pub(super) peak_rss: u64,
}

/// The figures as JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    pools: u32,
    nodes: u32,
    cold_start_s: f64,
    failover_p50_ms: f64,
    failover_p99_ms: f64,
    /// Of each output.
    writes_per_failover: f64,
    /// All NodePools, as a stock hub watches them, to the Endpoints of one pool.
    watch_bytes_ratio: f64,
    /// The NodePool of one pool to its Endpoints.
    watch_bytes_ratio_own_pool: f64,
    peak_rss_bytes: u64,
}

impl Figures {
    /// Nothing measured yet.
    pub(super) fn new(pools: u32) -> Self {
        Self { pools, ..Self::default() }
    }

    /// The figures to compare.
    pub(super) fn line(&self) -> Line {
        let [endpoints, own, all] = self.watched.map(|bytes| bytes as f64);
        let ratio = |bytes: f64| round(bytes / endpoints.max(1.0), 1);
        let is_output = |kind: &str| kind.split_once(' ').is_some_and(|(_, resource)| OUTPUTS.contains(&resource));
        let outputs = self.failover_calls.iter().filter(|(kind, _)| is_output(kind)).map(|(_, count)| count);
        let writes = outputs.sum::<usize>() as f64 / (self.failovers.len() * OUTPUTS.len()).max(1) as f64;
        Line {
            pools: self.pools,
            nodes: self.pools * NODES_PER_POOL,
            cold_start_s: round(self.cold_start.as_secs_f64(), 3),
            failover_p50_ms: millis(self.quantile(50)),
            failover_p99_ms: millis(self.quantile(99)),
            writes_per_failover: round(writes, 3),
            watch_bytes_ratio: ratio(all),
            watch_bytes_ratio_own_pool: ratio(own),
            peak_rss_bytes: self.peak_rss,
        }
    }

    /// The figures for people, with the targets of issue 4.
    pub(super) fn render(&self) -> String {
        let line = self.line();
        let mut text = format!(
            "\n{} pools, {} nodes; {} leaders lost one after the other; {} times a node went and came back\n",
            line.pools,
            line.nodes,
            self.failovers.len(),
            self.flaps
        );
        let mut row = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<52}{value:>14}");
        };
        row("cold start until all outputs are written", format!("{:.2} s", line.cold_start_s));
        for (kind, count) in &self.cold_calls {
            row(&format!("  {kind} per pool"), format!("{:.3}", *count as f64 / f64::from(self.pools.max(1))));
        }
        row("loss public to last output written, p50", format!("{:.1} ms", line.failover_p50_ms));
        row("loss public to last output written, p99", format!("{:.1} ms", line.failover_p99_ms));
        row("loss public to last output written, longest", format!("{:.1} ms", millis(self.quantile(100))));
        for (kind, count) in &self.failover_calls {
            row(
                &format!("  {kind} per failover"),
                format!("{:.3}", *count as f64 / self.failovers.len().max(1) as f64),
            );
        }
        let [endpoints, own, all] = self.watched;
        row("bytes to an edge that watches its Endpoints", endpoints.to_string());
        row("bytes to an edge that watches its NodePool", own.to_string());
        row("bytes to an edge that watches all NodePools", all.to_string());
        row("peak RSS", format!("{:.1} MB", line.peak_rss_bytes as f64 / 1e6));
        for (met, what) in line.judge() {
            let _ = writeln!(text, "  {} {what}", if met { '✓' } else { '✗' });
        }
        text.push_str("  ✓ every output names a Ready node of its pool at its address\n");
        text
    }

    /// The time within which this many per cent of the failovers were done.
    fn quantile(&self, percent: usize) -> Duration {
        let mut sorted = self.failovers.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(rank).copied().unwrap_or_default()
    }
}

impl Line {
    /// What issue 4 wants, and whether it is so.
    fn judge(&self) -> [(bool, String); 4] {
        let megabytes = self.peak_rss_bytes as f64 / 1e6;
        [
            (self.failover_p99_ms <= 50.0, format!("failover p99 {:.1} ms (at most 50)", self.failover_p99_ms)),
            (
                (self.writes_per_failover - 1.0).abs() < 5e-4,
                format!("{:.3} writes of each output per failover (1)", self.writes_per_failover),
            ),
            (
                self.watch_bytes_ratio >= 50.0,
                format!(
                    "all NodePools cost an edge {:.0} × its Endpoints (at least 50); its own NodePool {:.1} ×",
                    self.watch_bytes_ratio, self.watch_bytes_ratio_own_pool
                ),
            ),
            (megabytes <= 60.0, format!("peak RSS {megabytes:.1} MB (at most 60)")),
        ]
    }
}

fn millis(duration: Duration) -> f64 {
    round(duration.as_secs_f64() * 1e3, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            cold_start: Duration::from_millis(2_500),
            failovers: (1..=100).map(Duration::from_millis).collect(),
            failover_calls: [("patch endpoints", 100), ("patch configmaps", 100), ("patch nodepools/status", 150)]
                .map(|(kind, count)| (kind.to_owned(), count))
                .into(),
            watched: [1_000, 6_000, 900_000],
            peak_rss: 50_000_000,
            ..Figures::new(100)
        }
    }

    #[test]
    fn the_line_has_the_keys_and_figures_of_the_issue() {
        let line = serde_json::to_value(figures().line()).unwrap();
        assert_eq!(line["cold_start_s"], 2.5);
        assert_eq!((&line["failover_p50_ms"], &line["failover_p99_ms"]), (&50.0.into(), &99.0.into()));
        assert_eq!(line["writes_per_failover"], 1.0);
        assert_eq!((&line["watch_bytes_ratio"], &line["watch_bytes_ratio_own_pool"]), (&900.0.into(), &6.0.into()));
        assert_eq!((&line["peak_rss_bytes"], &line["nodes"]), (&50_000_000.into(), &500.into()));
    }

    #[test]
    fn a_target_that_is_missed_is_named() {
        let text = figures().render();
        let missed: Vec<_> = text.lines().filter(|line| line.contains('✗')).collect();
        assert_eq!(missed.len(), 1, "{text}");
        assert!(missed[0].contains("failover p99 99.0 ms (at most 50)"), "{text}");
    }
}
