//! What many runs came to: numbers for programs, and lines for people.

use std::collections::BTreeMap;

use api::fleet_rollout::strategy::{Approval, Strategy};
use jiff::SignedDuration;
use planner::strategy::Wave;
use serde::Serialize;
use sim::trial::{Outcome, Trial};

use super::{Kind, size};
use crate::text::{Line, Tone, count};

/// The whole answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The strategy's name.
    pub strategy: String,
    /// Nodes of the fleet.
    pub nodes: u32,
    /// Pools of the fleet.
    pub pools: usize,
    /// Where the fleet is from.
    pub fleet: String,
    /// What the release does.
    pub release: &'static str,
    /// So many per cent of the nodes are offline all the time.
    pub offline_percent: u32,
    /// So many per cent of the nodes lose their link every now and then.
    pub flapping_percent: u32,
    /// Seeds.
    pub runs: u32,
    /// Runs that completed, and did not halt afterwards.
    pub completed: u32,
    /// Runs that halted.
    pub halted: u32,
    /// Why, and how many.
    pub halts: BTreeMap<&'static str, u32>,
    /// Runs of a release that works which halted all the same; absent for other releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_halts: Option<u32>,
    /// Runs that did neither in the time they were given.
    pub unfinished: u32,
    /// What the first of them waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// Machines that the release took away.
    pub nodes_lost: Spread,
    /// The most units down at once, for whatever reason.
    pub most_down: Spread,
    /// The most that Drover had taken down and that were not Ready again.
    pub most_started_down: Spread,
    /// From the release to the end of the run.
    pub duration_seconds: Spread,
    /// What was taken for granted.
    pub notes: Vec<String>,
    /// The run of median duration.
    pub timeline: Timeline,
}

/// A number over all runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The median.
    pub p50: u64,
    /// Nine of ten runs have no more.
    pub p90: u64,
    /// The most.
    pub max: u64,
}

/// One run.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Its seed.
    pub seed: u32,
    /// The waves, in order.
    pub waves: Vec<String>,
    /// It, moment by moment.
    pub moments: Vec<Moment>,
}

/// A run at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// Since the release.
    pub seconds: u64,
    /// So many waves have opened.
    pub waves: usize,
    /// Units that run the revision.
    pub updated: u32,
    /// Units that proved well on it.
    pub settled: u32,
    /// Units that are down.
    pub down: u32,
    /// Units whose node is not Ready.
    pub offline: u32,
    /// Machines that the release has taken away.
    pub lost: u32,
}

impl Summary {
    /// Sums up.
    pub(super) fn of(trial: &Trial, strategy: &str, fleet: &str, release: Kind, outcomes: &[Outcome]) -> Self {
        let count = |is: &dyn Fn(&Outcome) -> bool| number(outcomes.iter().filter(|outcome| is(outcome)).count());
        let spread = |of: &dyn Fn(&Outcome) -> u64| Spread::of(outcomes.iter().map(of).collect());
        let halted = count(&|outcome| outcome.halted.is_some());
        let mut halts = BTreeMap::new();
        for reason in outcomes.iter().filter_map(|outcome| outcome.halted) {
            *halts.entry(reason.as_str()).or_default() += 1;
        }
        Self {
            strategy: strategy.to_owned(),
            nodes: trial.fleet.size(),
            pools: trial.fleet.pools.len(),
            fleet: format!("{}, {fleet}", size(&trial.fleet)),
            release: release.as_str(),
            offline_percent: trial.offline,
            flapping_percent: trial.flapping,
            runs: number(outcomes.len()),
            completed: count(&|outcome| outcome.completed && outcome.halted.is_none()),
            halted,
            halts,
            false_halts: release.is_healthy().then_some(halted),
            unfinished: count(&|outcome| !outcome.completed && outcome.halted.is_none()),
            waits_for: outcomes.iter().find_map(|outcome| outcome.waits_for.as_ref()).map(ToString::to_string),
            nodes_lost: spread(&|outcome| outcome.lost.into()),
            most_down: spread(&|outcome| outcome.peak_down.into()),
            most_started_down: spread(&|outcome| outcome.peak_started_down.into()),
            duration_seconds: spread(&|outcome| seconds(outcome.duration)),
            notes: empty_waves(trial),
            timeline: Timeline::default(),
        }
    }

    /// Says what of a strategy was taken for granted.
    #[must_use]
    pub(super) fn with_notes(mut self, strategy: &Strategy) -> Self {
        let asks = strategy.waves.iter().any(|wave| wave.approval != Approval::None);
        let notes = [
            (asks, "approvals are given at once"),
            (strategy.start_paused, "startPaused: the run is resumed at once"),
            (!strategy.depends_on.is_empty(), "what the strategy depends on is up to date"),
            (
                !strategy.windows.is_empty(),
                "the release comes on a Monday at 00:02 UTC; durations include closed windows",
            ),
        ];
        self.notes.extend(notes.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note.to_owned()));
        self
    }

    /// Adds the timeline of one run.
    #[must_use]
    pub(super) fn with_timeline(mut self, trial: &Trial, (seed, run): &(u32, Outcome)) -> Self {
        let opened = run.timeline.iter().map(|sample| sample.opened).max().unwrap_or_default();
        let name = |at: usize| trial.strategy.waves.at(at).name.to_string();
        let moments = run.timeline.iter().map(|sample| Moment {
            seconds: seconds(sample.at),
            waves: sample.opened,
            updated: sample.counts.updated,
            settled: sample.counts.settled,
            down: sample.counts.down,
            offline: sample.counts.offline,
            lost: sample.lost,
        });
        self.timeline = Timeline { seed: *seed, waves: (0..opened).map(name).collect(), moments: moments.collect() };
        self
    }

    /// The numbers, for people.
    pub(super) fn lines(&self) -> Vec<Line> {
        let Self { runs, completed, halted, unfinished, .. } = *self;
        let shares = [(self.offline_percent, "offline"), (self.flapping_percent, "flapping")];
        let shares = shares
            .iter()
            .filter(|(share, _)| *share > 0)
            .map(|(share, what)| format!(", {share}% of the nodes {what}"));
        let often = count(usize::try_from(runs).unwrap_or_default(), "run");
        let heading = format!("a {} release{}, {often}", self.release, shares.collect::<String>());
        let mut lines = vec![
            Line::of(Tone::Strong, self.strategy.clone()).and(Tone::Plain, format!(": {heading}")),
            Line::of(Tone::Faint, self.fleet.clone()),
        ];
        lines.extend(self.notes.iter().map(|note| Line::of(Tone::Call, format!("! {note}"))));
        lines.push(Line::new());
        let of = |part: u32| format!("{part} of {runs}");
        let as_wanted = |good: bool| if good { Tone::Good } else { Tone::Bad };
        if completed > 0 {
            lines.push(row("completed").and(as_wanted(self.false_halts.is_some()), of(completed)));
        }
        if halted > 0 {
            let why: Vec<_> = self.halts.iter().map(|(reason, times)| format!("{reason} {times}")).collect();
            let line = row("halted").and(as_wanted(self.false_halts.is_none()), of(halted));
            lines.push(line.and(Tone::Faint, format!("  {}", why.join(", "))));
        }
        if let Some(false_halts) = self.false_halts {
            lines.push(row("false halts").and(as_wanted(false_halts == 0), of(false_halts)));
        }
        if unfinished > 0 {
            let line = row("not finished").and(Tone::Call, of(unfinished));
            lines.push(
                line.and(Tone::Plain, self.waits_for.as_ref().map_or_else(String::new, |hold| format!("  {hold}"))),
            );
        }
        let lost = if self.nodes_lost.max == 0 { Tone::Good } else { Tone::Bad };
        lines.push(spread_row("nodes lost", lost, self.nodes_lost, &|count| count.to_string()));
        lines.push(spread_row("most down at once", Tone::Plain, self.most_down, &|count| count.to_string()));
        lines.push(spread_row("  by Drover", Tone::Plain, self.most_started_down, &|count| count.to_string()));
        lines.push(spread_row("duration", Tone::Plain, self.duration_seconds, &super::chart::span));
        lines
    }
}

impl Spread {
    fn of(mut all: Vec<u64>) -> Self {
        all.sort_unstable();
        // The nearest rank: the smallest value that so many per cent of all do not exceed.
        let rank =
            |percent: usize| all.get((all.len() * percent).div_ceil(100).max(1) - 1).copied().unwrap_or_default();
        Self { p50: rank(50), p90: rank(90), max: rank(100) }
    }
}

/// Waves that a fleet has no pools for: most often a name or label that is written wrong.
fn empty_waves(trial: &Trial) -> Vec<String> {
    let has_pools = |wave: &Wave| trial.fleet.pools.iter().any(|pool| wave.matches(&pool.name, &pool.labels));
    let empty = trial.strategy.waves.named().iter().filter(|wave| !has_pools(wave));
    empty
        .map(|wave| format!("wave {:?} has no pools in this fleet: it is over as soon as it opens", wave.name))
        .collect()
}

fn row(name: &str) -> Line {
    Line::of(Tone::Faint, format!("  {name:<20}"))
}

fn spread_row(name: &str, tone: Tone, spread: Spread, show: &dyn Fn(u64) -> String) -> Line {
    let line = row(name).and(tone, format!("{:<10}", show(spread.p50)));
    if spread.p50 == spread.max {
        return line;
    }
    line.and(Tone::Faint, format!("p90 {:<10} at most {}", show(spread.p90), show(spread.max)))
}

fn seconds(span: SignedDuration) -> u64 {
    u64::try_from(span.as_secs()).unwrap_or_default()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
