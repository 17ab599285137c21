//! The figures, for people and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::Serialize;

use super::IDLE;
use super::ledger::Writer;
use crate::bench::figures::round;
use crate::bench::slots::ratio;

/// The kind of call that changes a YurtAppSet's status.
const STATUS: &str = "patch yurtappsets/status";

/// One rollout by one writer.
#[derive(Clone, Debug, Default)]
pub(super) struct Rollout {
    /// From the change to the last workload's being written.
    pub(super) written: Duration,
    /// How many applies were accepted.
    pub(super) applies: usize,
    /// From the change to the last workload's being rolled out.
    pub(super) rolled_out: Duration,
    /// Its calls by kind.
    pub(super) calls: BTreeMap<String, usize>,
    /// CPU time until it was at rest.
    pub(super) cpu: Duration,
    /// MODIFIED events of its workloads meanwhile.
    pub(super) events: u64,
}

/// What was measured with so many pools.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pools: u32,
    rollouts: BTreeMap<Writer, Vec<Rollout>>,
    /// The controller's calls when nothing changed, by kind.
    pub(super) idle: BTreeMap<String, usize>,
    /// The most memory that the controller had resident, in bytes.
    pub(super) peak_rss: u64,
}

/// The figures as JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    pools: u32,
    /// From the change to the last workload written, to the ideal client's.
    write_ratio: f64,
    applies_per_pool: f64,
    /// The YurtAppSet's in one rollout, the most of all.
    status_writes: usize,
    cpu_us_per_child_event: f64,
    /// And dry runs, in [`IDLE`].
    idle_writes: usize,
    peak_rss_bytes: u64,
}

impl Figures {
    /// Nothing measured yet.
    pub(super) fn new(pools: u32) -> Self {
        Self { pools, ..Self::default() }
    }

    /// Adds a rollout.
    pub(super) fn add(&mut self, writer: Writer, rollout: Rollout) {
        self.rollouts.entry(writer).or_default().push(rollout);
    }

    /// The figures to compare.
    pub(super) fn line(&self) -> Line {
        let ours = self.of(Writer::Controller);
        let status = ours.iter().map(|rollout| rollout.calls.get(STATUS).copied().unwrap_or_default());
        let applies = ours.iter().map(|rollout| rollout.applies).sum::<usize>() as f64;
        Line {
            pools: self.pools,
            write_ratio: round(ratio(self.written(Writer::Controller), self.written(Writer::Ideal)), 3),
            applies_per_pool: round(applies / (f64::from(self.pools) * ours.len().max(1) as f64), 3),
            status_writes: status.max().unwrap_or_default(),
            cpu_us_per_child_event: round(self.cpu_per_event(Writer::Controller), 1),
            idle_writes: self.idle.values().sum(),
            peak_rss_bytes: self.peak_rss,
        }
    }

    /// The figures for people, with the targets of issue 6. `before`: the lines of fewer pools.
    pub(super) fn render(&self, before: &[Line]) -> String {
        let mut text = format!(
            "\n{} pools; {} rollouts of each in alternating order, mean of one\n  {:<44}{:>12}{:>12}\n",
            self.pools,
            self.of(Writer::Controller).len(),
            "",
            "controller",
            "ideal"
        );
        let mut row = |name: &str, cell: &dyn Fn(Writer) -> String| {
            let [ours, ideal] = Writer::ALL.map(cell);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<44}{ours:>12}{ideal:>12}");
        };
        row("change to last workload written", &|writer| millis(self.mean(writer, |one| one.written.as_secs_f64())));
        row("change to last workload rolled out", &|writer| {
            format!("{:.2} s", self.mean(writer, |one| one.rolled_out.as_secs_f64()))
        });
        row("CPU", &|writer| millis(self.mean(writer, |one| one.cpu.as_secs_f64())));
        row("MODIFIED events of workloads", &|writer| format!("{:.0}", self.mean(writer, |one| one.events as f64)));
        row("CPU per event", &|writer| format!("{:.1} µs", self.cpu_per_event(writer)));
        let kinds: BTreeSet<&String> =
            Writer::ALL.iter().flat_map(|writer| self.of(*writer)).flat_map(|one| one.calls.keys()).collect();
        for kind in kinds {
            let count = |one: &Rollout| one.calls.get(kind).copied().unwrap_or_default() as f64;
            row(&format!("  {kind}"), &|writer| format!("{:.1}", self.mean(writer, count)));
        }
        for (kind, count) in &self.idle {
            let _ = writeln!(text, "  at rest: {count} × {kind}");
        }
        for (met, what) in self.line().judge(before) {
            let _ = writeln!(text, "  {} {what}", if met { '✓' } else { '✗' });
        }
        text.push_str("  ✓ every pool has one workload, with the last image\n");
        text
    }

    fn of(&self, writer: Writer) -> &[Rollout] {
        self.rollouts.get(&writer).map_or(&[], Vec::as_slice)
    }

    fn written(&self, writer: Writer) -> Duration {
        self.of(writer).iter().map(|rollout| rollout.written).sum()
    }

    /// Microseconds.
    fn cpu_per_event(&self, writer: Writer) -> f64 {
        let cpu: Duration = self.of(writer).iter().map(|rollout| rollout.cpu).sum();
        let events: u64 = self.of(writer).iter().map(|rollout| rollout.events).sum();
        cpu.as_secs_f64() * 1e6 / events.max(1) as f64
    }

    fn mean(&self, writer: Writer, figure: impl Fn(&Rollout) -> f64) -> f64 {
        let rollouts = self.of(writer);
        rollouts.iter().map(figure).sum::<f64>() / rollouts.len().max(1) as f64
    }
}

impl Line {
    /// What issue 6 wants with so many pools, and whether it is so.
    fn judge(&self, before: &[Self]) -> Vec<(bool, String)> {
        let megabytes = self.peak_rss_bytes as f64 / 1e6;
        let mut judged = vec![
            (
                self.write_ratio <= 1.1,
                format!("the last workload is written after {:.3} × the ideal (at most 1.1)", self.write_ratio),
            ),
            (self.applies_per_pool <= 1.0, format!("{:.3} applies per pool (at most 1)", self.applies_per_pool)),
            (self.idle_writes == 0, format!("{} writes in {} s at rest (0)", self.idle_writes, IDLE.as_secs())),
            (megabytes <= 40.0, format!("peak RSS {megabytes:.1} MB (at most 40)")),
        ];
        if self.pools <= 20 {
            judged.push((self.status_writes <= 25, format!("{} status writes (at most 25)", self.status_writes)));
        }
        if let Some(few) = before.iter().find(|line| line.pools >= 100) {
            let flat = self.cpu_us_per_child_event / few.cpu_us_per_child_event;
            let what = format!("CPU per event {flat:.2} × that with {} pools (at most 1.25)", few.pools);
            judged.push((flat <= 1.25, what));
        }
        judged
    }
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, rolled_out, cpu, .. } = self;
        let [written, rolled_out, cpu] = [written, rolled_out, cpu].map(Duration::as_secs_f64);
        write!(f, "{} to the last write, {rolled_out:.2} s until rolled out, {} CPU", millis(written), millis(cpu))
    }
}

/// Seconds as milliseconds.
fn millis(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(written_ms: u64, status: usize) -> Rollout {
        Rollout {
            written: Duration::from_millis(written_ms),
            applies: 100,
            rolled_out: Duration::from_secs(3),
            calls: BTreeMap::from([("patch deployments".to_owned(), 100), (STATUS.to_owned(), status)]),
            cpu: Duration::from_millis(60),
            events: 600,
        }
    }

    fn figures() -> Figures {
        let mut figures = Figures { peak_rss: 30_000_000, ..Figures::new(100) };
        for (writer, written, status) in [
            (Writer::Controller, 100, 7),
            (Writer::Ideal, 100, 0),
            (Writer::Ideal, 100, 0),
            (Writer::Controller, 110, 9),
        ] {
            figures.add(writer, rollout(written, status));
        }
        figures
    }

    #[test]
    fn the_line_has_the_keys_and_figures_of_the_issue() {
        let line = serde_json::to_value(figures().line()).unwrap();
        let expected = serde_json::json!({
            "pools": 100, "write_ratio": 1.05, "applies_per_pool": 1.0, "status_writes": 9,
            "cpu_us_per_child_event": 100.0, "idle_writes": 0, "peak_rss_bytes": 30_000_000,
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_target_that_is_missed_is_named() {
        let missed = |figures: &Figures, before: &[Line]| -> Vec<String> {
            let text = figures.render(before);
            text.lines().filter(|line| line.contains('✗')).map(|line| line.trim().to_owned()).collect()
        };
        assert_eq!(missed(&figures(), &[]), Vec::<String>::new());
        let mut busy = figures();
        busy.idle.insert(STATUS.to_owned(), 3);
        assert_eq!(missed(&busy, &[]), ["✗ 3 writes in 60 s at rest (0)"]);
        let mut many = Figures { pools: 1_000, ..figures() };
        many.add(Writer::Controller, Rollout { cpu: Duration::from_secs(1), ..rollout(1, 1) });
        let missed = missed(&many, &[figures().line()]);
        assert!(missed.len() == 1 && missed[0].contains("× that with 100 pools"), "{missed:?}");
    }
}
