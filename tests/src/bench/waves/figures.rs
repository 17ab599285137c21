//! The figures, for people and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;
use sim::trial::Outcome;

use super::cases::Case;
use crate::bench::figures::round;

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) nodes: u32,
    pub(super) seeds: u32,
    /// In the order of [`Case::ALL`].
    pub(super) cases: Vec<Tally>,
    /// What a client needs that knows everything at once, with and without waiting for units to settle.
    pub(super) ideal: [SignedDuration; 2],
    /// A plan of 1,000 and of 100,000 units.
    pub(super) plan: [Duration; 2],
}

/// All trials of a case.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(pub(super) Vec<Outcome>);

/// The figures as JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    nodes: u32,
    seeds: u32,
    killer_lost_p50: u32,
    killer_lost_p95: u32,
    killer_lost_max: u32,
    killer_waves_lost_p50: u32,
    killer_waves_lost_max: u32,
    killer_tenth_lost_p50: u32,
    killer_tenth_lost_p95: u32,
    killer_tenth_lost_max: u32,
    /// Releases that take nodes away and were not halted.
    killers_missed: usize,
    /// Shares of good releases that were halted.
    false_halt_10: f64,
    false_halt_30: f64,
    outage_halt: f64,
    good_p50_s: i64,
    good_p95_s: i64,
    good_at_once_p50_s: i64,
    ideal_s: i64,
    ideal_settled_s: i64,
    offline900_peak_down: u32,
    /// Good releases that were neither completed nor halted.
    unfinished: usize,
    plan_1k_us: f64,
    plan_100k_us: f64,
}

impl Tally {
    fn lost(&self, percent: usize) -> u32 {
        quantile(self.0.iter().map(|outcome| outcome.lost), percent)
    }

    fn seconds(&self, percent: usize) -> i64 {
        quantile(self.0.iter().map(|outcome| outcome.duration.as_secs()), percent)
    }

    fn halted(&self) -> usize {
        self.0.iter().filter(|outcome| outcome.halted.is_some()).count()
    }

    fn halted_share(&self) -> f64 {
        round(self.halted() as f64 / self.0.len().max(1) as f64, 4)
    }

    fn completed(&self) -> usize {
        self.0.iter().filter(|outcome| outcome.completed).count()
    }

    fn unfinished(&self) -> usize {
        self.0.iter().filter(|outcome| !outcome.completed && outcome.halted.is_none()).count()
    }

    fn peak_started_down(&self) -> u32 {
        quantile(self.0.iter().map(|outcome| outcome.peak_started_down), 100)
    }
}

impl Figures {
    /// The figures to compare.
    pub(super) fn line(&self) -> Line {
        let of = |case: Case| {
            let at = Case::ALL.iter().position(|known| *known == case);
            at.and_then(|at| self.cases.get(at)).cloned().unwrap_or_default()
        };
        let [killer, waves, tenth] = [Case::Killer, Case::KillerInWaves, Case::KillerOfTenth].map(of);
        let [flapping10, flapping30, outage] = [Case::Flapping10, Case::Flapping30, Case::SiteOutage].map(of);
        let [good, at_once, offline] = [Case::Good, Case::GoodAtOnce, Case::MostOffline].map(of);
        let missed = |tally: &Tally| tally.0.len() - tally.halted();
        let [plan_1k_us, plan_100k_us] = self.plan.map(|took| round(took.as_secs_f64() * 1e6, 1));
        Line {
            nodes: self.nodes,
            seeds: self.seeds,
            killer_lost_p50: killer.lost(50),
            killer_lost_p95: killer.lost(95),
            killer_lost_max: killer.lost(100),
            killer_waves_lost_p50: waves.lost(50),
            killer_waves_lost_max: waves.lost(100),
            killer_tenth_lost_p50: tenth.lost(50),
            killer_tenth_lost_p95: tenth.lost(95),
            killer_tenth_lost_max: tenth.lost(100),
            killers_missed: [&killer, &waves, &tenth].into_iter().map(missed).sum(),
            false_halt_10: flapping10.halted_share(),
            false_halt_30: flapping30.halted_share(),
            outage_halt: outage.halted_share(),
            good_p50_s: good.seconds(50),
            good_p95_s: good.seconds(95),
            good_at_once_p50_s: at_once.seconds(50),
            ideal_s: self.ideal[1].as_secs(),
            ideal_settled_s: self.ideal[0].as_secs(),
            offline900_peak_down: offline.peak_started_down(),
            unfinished: [&flapping10, &flapping30, &outage, &good, &at_once, &offline]
                .into_iter()
                .map(Tally::unfinished)
                .sum(),
            plan_1k_us,
            plan_100k_us,
        }
    }

    /// The figures for people, with the targets of issue 5.
    pub(super) fn render(&self) -> String {
        let line = self.line();
        let mut text = format!("\n{} nodes, {} seeds a case, maxUnavailable 10 %\n", self.nodes, self.seeds);
        let mut put = |line: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", line.trim_end());
        };
        put(row(
            "the release",
            ["halted", "completed", "lost p50", "p95", "max", "p50", "p95", "down"].map(str::to_owned),
        ));
        for (case, tally) in Case::ALL.iter().zip(&self.cases) {
            let lost = [50, 95, 100].map(|percent| tally.lost(percent).to_string());
            let [p50, p95] = [50, 95].map(|percent| minutes(tally.seconds(percent)));
            let [lost50, lost95, most] = lost;
            let down = tally.peak_started_down().to_string();
            let (halted, completed) = (tally.halted().to_string(), tally.completed().to_string());
            put(row(case.name(), [halted, completed, lost50, lost95, most, p50, p95, down]));
        }
        let [settled, at_once] = self.ideal.map(|took| minutes(took.as_secs()));
        put(format!("  an ideal client on the good release: {at_once}; when units settle first: {settled}"));
        put(format!("  a plan of 1,000 units: {:.0} µs; of 100,000: {:.0} µs", line.plan_1k_us, line.plan_100k_us));
        for (met, what) in line.judge() {
            put(format!("  {} {what}", if met { '✓' } else { '✗' }));
        }
        text
    }
}

impl Line {
    fn judge(&self) -> Vec<(bool, String)> {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        vec![
            (
                self.killer_lost_max <= 8,
                format!("a release that kills takes {} nodes (at most 8)", self.killer_lost_max),
            ),
            (self.killer_waves_lost_max <= 4, format!("in waves {} (at most 4)", self.killer_waves_lost_max)),
            (self.killers_missed == 0, format!("{} of them were not halted (none)", self.killers_missed)),
            (
                self.false_halt_10 <= 0.02 && self.false_halt_30 <= 0.02,
                format!(
                    "good releases halted: {} with 10 % flapping, {} with 30 % (at most 2 %)",
                    percent(self.false_halt_10),
                    percent(self.false_halt_30)
                ),
            ),
            (self.outage_halt <= 0.0, format!("a site outage halted {} (none)", percent(self.outage_halt))),
            (self.unfinished == 0, format!("{} good releases did not end (none)", self.unfinished)),
            (
                self.offline900_peak_down <= self.nodes.div_ceil(100),
                format!(
                    "with nine tenths offline at most {} were started down at once (at most {})",
                    self.offline900_peak_down,
                    self.nodes.div_ceil(100)
                ),
            ),
            (
                self.plan_1k_us <= 1e3 && self.plan_100k_us <= 1e5,
                format!(
                    "plans take {:.0} µs and {:.0} µs (at most 1,000 and 100,000)",
                    self.plan_1k_us, self.plan_100k_us
                ),
            ),
        ]
    }
}

/// The least value that so many per cent of all do not exceed.
fn quantile<T: Ord + Copy + Default>(values: impl Iterator<Item = T>, percent: usize) -> T {
    let mut sorted: Vec<T> = values.collect();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

fn row(name: &str, [halted, completed, lost50, lost95, most, p50, p95, down]: [String; 8]) -> String {
    format!("  {name:<40}{halted:>7}{completed:>11}{lost50:>10}{lost95:>6}{most:>6}{p50:>10}{p95:>8}{down:>6}")
}

fn minutes(seconds: i64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use sim::trial::Outcome;

    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let of = |percent| quantile([3_u32, 1, 2, 9].into_iter(), percent);
        assert_eq!([50, 95, 100].map(of), [2, 9, 9]);
        assert_eq!(quantile(std::iter::empty::<u32>(), 50), 0);
    }

    #[test]
    fn a_target_that_is_missed_is_said_to_be() {
        let lost = |lost| Tally(vec![Outcome { lost, ..Outcome::default() }]);
        let figures = Figures { nodes: 1000, seeds: 1, cases: vec![lost(9), lost(3)], ..Figures::default() };
        let text = figures.render();
        assert!(text.contains("✗ a release that kills takes 9 nodes (at most 8)"), "{text}");
        assert!(text.contains("✓ in waves 3 (at most 4)"), "{text}");
        assert!(text.contains("✗ 2 of them were not halted (none)"), "{text}");
    }
}
