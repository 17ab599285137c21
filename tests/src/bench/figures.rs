//! The figures of one fleet size: sums over all rollouts, and what they mean.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::contender::Contender;
use super::rollout::Performance;
use super::scrape::Histogram;
use super::slots::{Idleness, ratio};
use crate::checker::Violation;

/// All rollouts of one contender.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    /// Rollouts.
    pub(super) rollouts: usize,
    /// Pods upgraded.
    pub(super) pods: usize,
    /// Time from release to done.
    pub(super) wall: Duration,
    /// CPU time.
    pub(super) cpu: Duration,
    /// How often its threads went to sleep.
    pub(super) sleeps: u64,
    /// The highest peak of memory, in bytes.
    pub(super) peak_rss: u64,
    /// Requests by verb and resource.
    pub(super) calls: BTreeMap<String, usize>,
    /// How slots were used.
    pub(super) idleness: Idleness,
    /// From frame to DELETE, as daemon-updater tells.
    pub(super) slot_to_delete: Histogram,
    /// Bytes of a cached pod, as daemon-updater tells.
    pub(super) bytes_per_pod: f64,
    /// How often daemon-updater looked, as it tells.
    pub(super) reconciles: f64,
    /// Rules that the checker found broken.
    pub(super) violations: Vec<Violation>,
}

/// One fleet size.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    /// Nodes, and pods.
    pub(super) nodes: u32,
    /// Pods that may be down at once.
    pub(super) slots: u32,
    /// By contender.
    pub(super) sums: BTreeMap<Contender, Sum>,
}

/// One fleet size as a line of the JSON file.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    nodes: u32,
    wall_ratio: f64,
    idle_slot_share: f64,
    api_calls_per_pod: f64,
    cpu_us_per_pod: f64,
    cpu_ratio: f64,
    slot_to_delete_p99_ms: f64,
    peak_rss_bytes: u64,
    bytes_per_cached_pod: f64,
}

impl Sum {
    /// Adds a rollout.
    pub(super) fn add(&mut self, one: Performance) {
        self.rollouts += 1;
        self.pods += one.pods;
        self.wall += one.wall;
        self.cpu += one.cpu;
        self.sleeps += one.sleeps;
        self.peak_rss = self.peak_rss.max(one.peak_rss);
        for (kind, count) in one.calls {
            *self.calls.entry(kind).or_default() += count;
        }
        self.idleness.add(one.idleness);
        if let Some(scrape) = one.scrape {
            self.slot_to_delete.add(&scrape.slot_to_delete);
            self.bytes_per_pod = self.bytes_per_pod.max(scrape.bytes_per_pod);
            self.reconciles += scrape.reconciles;
        }
        self.violations.extend(one.verdict.into_iter().flat_map(|verdict| verdict.violations));
    }

    /// CPU time for each pod.
    pub(super) fn cpu_per_pod(&self) -> Duration {
        self.cpu.div_f64(self.pods.max(1) as f64)
    }

    /// Requests for each pod.
    pub(super) fn calls_per_pod(&self) -> f64 {
        self.calls.values().sum::<usize>() as f64 / self.pods.max(1) as f64
    }
}

impl Figures {
    /// Of a fleet in which nobody performed yet.
    pub(super) fn new(nodes: u32, slots: u32) -> Self {
        let sums = Contender::ALL.into_iter().map(|contender| (contender, Sum::default()));
        Self { nodes, slots, sums: sums.collect() }
    }

    /// All rollouts of a contender.
    pub(super) fn of(&self, contender: Contender) -> Sum {
        self.sums.get(&contender).cloned().unwrap_or_default()
    }

    /// The figures to compare.
    pub(super) fn line(&self) -> Line {
        let (updater, ideal) = (self.of(Contender::Updater), self.of(Contender::Ideal));
        let p99 = updater.slot_to_delete.quantile(0.99).unwrap_or_default();
        Line {
            nodes: self.nodes,
            wall_ratio: round(ratio(updater.wall, ideal.wall), 3),
            idle_slot_share: round(updater.idleness.share(), 4),
            api_calls_per_pod: round(updater.calls_per_pod(), 3),
            cpu_us_per_pod: round(updater.cpu_per_pod().as_secs_f64() * 1e6, 1),
            cpu_ratio: round(ratio(updater.cpu_per_pod(), ideal.cpu_per_pod()), 3),
            slot_to_delete_p99_ms: round(p99.as_secs_f64() * 1e3, 3),
            peak_rss_bytes: updater.peak_rss,
            bytes_per_cached_pod: round(updater.bytes_per_pod, 1),
        }
    }
}

impl Line {
    /// What issue 3 wants at this size, and whether it is so. `smallest` is the line of the smallest fleet.
    pub(super) fn judge(&self, smallest: &Self) -> Vec<(bool, String)> {
        let mib = self.peak_rss_bytes as f64 / 1e6;
        let flat = self.cpu_us_per_pod / smallest.cpu_us_per_pod;
        let mut judged = vec![
            (self.api_calls_per_pod <= 1.1, format!("API calls per pod {:.3} (at most 1.1)", self.api_calls_per_pod)),
            (
                self.cpu_ratio <= 1.5,
                format!("CPU {:.2} × the ideal client's (at most 1.5, stretch 1.2)", self.cpu_ratio),
            ),
            (mib <= 25.0, format!("peak RSS {mib:.1} MB (at most 25, stretch 18)")),
            (
                self.wall_ratio <= 1.05,
                format!("wall time {:.3} × the ideal client's (at most 1.05, noisy)", self.wall_ratio),
            ),
        ];
        if self.nodes > smallest.nodes {
            let what = format!("CPU per pod {flat:.2} × that at {} nodes (0.75 to 1.25)", smallest.nodes);
            judged.push(((0.75..=1.25).contains(&flat), what));
        }
        if self.nodes <= 100 {
            let p99 = self.slot_to_delete_p99_ms;
            judged.push((p99 <= 10.0, format!("slot to DELETE p99 {p99:.1} ms (at most 10)")));
        }
        judged
    }
}

/// Rounds to so many decimal places.
pub(super) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn performance(cpu_ms: u64, wall_ms: u64) -> Performance {
        Performance {
            pods: 100,
            wall: Duration::from_millis(wall_ms),
            cpu: Duration::from_millis(cpu_ms),
            sleeps: 1,
            peak_rss: 10_000_000,
            calls: BTreeMap::from([("delete pods".to_owned(), 100), ("patch fleetrollouts/status".to_owned(), 5)]),
            idleness: Idleness::default(),
            scrape: None,
            verdict: None,
        }
    }

    #[test]
    fn ratios_are_of_sums_over_all_rollouts() {
        let mut figures = Figures::new(100, 10);
        for (contender, cpu, wall) in [
            (Contender::Updater, 90, 1_000),
            (Contender::Updater, 110, 1_200),
            (Contender::Ideal, 80, 1_000),
            (Contender::Ideal, 80, 1_000),
        ] {
            figures.sums.get_mut(&contender).unwrap().add(performance(cpu, wall));
        }
        let line = serde_json::to_value(figures.line()).unwrap();
        assert_eq!(line["nodes"], 100);
        assert_eq!(line["cpu_ratio"], 1.25);
        assert_eq!(line["wall_ratio"], 1.1);
        assert_eq!(line["cpu_us_per_pod"], 1000.0);
        assert_eq!(line["api_calls_per_pod"], 1.05);
        assert_eq!(line["peak_rss_bytes"], 10_000_000);
    }

    #[test]
    fn a_target_that_is_missed_is_named() {
        let mut figures = Figures::new(1_000, 100);
        figures.sums.get_mut(&Contender::Updater).unwrap().add(performance(200, 1_000));
        figures.sums.get_mut(&Contender::Ideal).unwrap().add(performance(100, 1_000));
        let line = figures.line();
        let missed: Vec<_> = line.judge(&line).into_iter().filter(|(met, _)| !met).map(|(_, what)| what).collect();
        assert_eq!(missed.len(), 1, "{missed:?}");
        assert!(missed[0].starts_with("CPU 2.00 ×"), "{missed:?}");
    }
}
