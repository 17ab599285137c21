//! The figures for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use super::contender::Contender;
use super::figures::{Figures, Line, Sum};
use super::slots::ratio;

/// A table with a column for each contender and a note at the end of each row.
struct Table<'a> {
    sums: [&'a Sum; 3],
    text: String,
}

/// A fleet size as a table, with the targets of issue 3. `smallest` is the line of the smallest fleet.
pub(super) fn render(figures: &Figures, smallest: &Line) -> String {
    let [updater, ideal, null] = Contender::ALL.map(|contender| figures.of(contender));
    let mut table = Table { sums: [&updater, &ideal, &null], text: String::new() };
    table.line(&format!(
        "\n{} nodes, {} slots; {} rollouts of each in alternating order, summed",
        figures.nodes, figures.slots, updater.rollouts
    ));
    table.cells("", &Contender::ALL.map(|contender| contender.name().to_owned()), "");
    let wall = format!("ratio {:.3}", ratio(updater.wall, ideal.wall));
    table.row("wall time of a rollout", &|sum| seconds(sum.wall.div_f64(sum.rollouts.max(1) as f64)), &wall);
    table.row("time with a free slot", &|sum| percent(sum.idleness.share()), "");
    table.row("share of slots free, on average", &|sum| percent(sum.idleness.mean_share()), "");
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let inside = format!("in process, frame to DELETE: {}", millis(updater.slot_to_delete.quantile(share)));
        table.row(&format!("Ready to DELETE, {name}"), &|sum| millis(sum.idleness.wait(share)), &inside);
    }
    let cpu = format!("ratio {:.3}", ratio(updater.cpu_per_pod(), ideal.cpu_per_pod()));
    table.row("CPU per pod", &|sum| format!("{:.0} µs", sum.cpu_per_pod().as_secs_f64() * 1e6), &cpu);
    table.row("wake-ups per pod", &|sum| two_places(per_pod(sum.sleeps as f64, sum)), "");
    table.row("reconciles per pod", &|sum| two_places(per_pod(sum.reconciles, sum)), "");
    table.row("peak RSS", &|sum| format!("{:.1} MB", sum.peak_rss as f64 / 1e6), "");
    table.row("bytes per cached pod", &|sum| whole(sum.bytes_per_pod), "");
    table.row("API calls per pod", &|sum| format!("{:.3}", sum.calls_per_pod()), "");
    let kinds: BTreeSet<_> = table.sums.iter().flat_map(|sum| sum.calls.keys()).cloned().collect();
    for kind in kinds {
        let count = |sum: &Sum| sum.calls.get(&kind).copied().unwrap_or_default() as f64;
        table.row(&format!("  {kind}"), &|sum| format!("{:.4}", per_pod(count(sum), sum)), "");
    }
    for (met, what) in figures.line().judge(smallest) {
        table.line(&format!("  {} {what}", if met { '✓' } else { '✗' }));
    }
    if updater.violations.is_empty() {
        table.line("  ✓ the audit-log checker found no rule broken");
    }
    for violation in &updater.violations {
        table.line(&format!("  ✗ {violation}"));
    }
    table.text
}

impl Table<'_> {
    fn row(&mut self, name: &str, cell: &dyn Fn(&Sum) -> String, note: &str) {
        self.cells(name, &self.sums.map(cell), note);
    }

    fn cells(&mut self, name: &str, [one, two, three]: &[String; 3], note: &str) {
        self.line(format!("  {name:<36}{one:>12}{two:>12}{three:>12}   {note}").trim_end());
    }

    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

fn per_pod(count: f64, sum: &Sum) -> f64 {
    count / sum.pods.max(1) as f64
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn millis(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "–".to_owned(), |duration| format!("{:.2} ms", duration.as_secs_f64() * 1e3))
}

fn two_places(value: f64) -> String {
    if value > 0.0 { format!("{value:.2}") } else { "–".to_owned() }
}

fn whole(value: f64) -> String {
    if value > 0.0 { format!("{value:.0}") } else { "–".to_owned() }
}
