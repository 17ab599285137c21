//! A plan as lines of text.

use api::daemon_set::DaemonSet;
use api::fleet_rollout::FleetRollout;
use api::fleet_rollout::strategy::Strategy;
use planner::rollout::{Report, UnitKind, WaveReport};
use planner::strategy::SlowStart;

use super::change::{Change, New};
use super::title;
use super::words::{amount, conditions, listed, nothing_starts, text_lines, waiting, warning_lines};
use crate::snapshot::Planned;
use crate::strategy::Rules;
use crate::text::{Line, Tone, count, hang};

/// What a plan is of.
pub(super) struct Shown<'a> {
    pub(super) change: &'a Change,
    pub(super) changed: &'a DaemonSet,
    pub(super) rules: &'a Rules,
    pub(super) present: Option<&'a FleetRollout>,
}

impl Shown<'_> {
    /// All of it.
    pub(super) fn lines(&self, planned: &Planned, width: usize) -> Vec<Line> {
        let report = &planned.plan.report;
        let mut lines = self.heading(report, width);
        if matches!(self.change.new, New::DaemonSet(_)) {
            return lines;
        }
        lines.extend(limits(planned, width));
        lines.push(Line::new());
        for (at, wave) in report.waves.iter().enumerate() {
            lines.extend(wave_lines(self.rules.strategy(), at, wave, report, width));
        }
        lines.push(Line::new());
        lines.extend(first(planned, width));
        lines.extend(held(report, width));
        lines.extend(warning_lines(&self.warnings(report), width));
        lines
    }

    fn heading(&self, report: &Report, width: usize) -> Vec<Line> {
        let Change { namespace, name, new } = self.change;
        let units = count(report.counts.desired as usize, "node");
        let what = match new {
            New::Any => format!("A new template would restart the pods of {units}"),
            New::Template(_) => format!("The changed template would restart the pods of {units}"),
            New::DaemonSet(_) => {
                let text = format!(
                    "ds/{name} is new in {namespace}: its first pods start at once on {units}, without a rollout."
                );
                return text_lines(Tone::Strong, &text, width);
            }
        };
        let pools = count(report.pools.iter().filter(|pool| pool.counts.desired > 0).count(), "pool");
        let waves = count(report.waves.len(), "wave");
        let text = format!("{what} in {pools}, in {waves}, by {}.", title(self.rules));
        let head = Line::of(Tone::Strong, format!("ds/{name} in {namespace}"));
        std::iter::once(head).chain(text_lines(Tone::Plain, &text, width)).collect()
    }

    /// What the user should know before.
    pub(super) fn warnings(&self, report: &Report) -> Vec<String> {
        let mut warnings = Vec::new();
        for wave in report.waves.iter().filter(|wave| wave.counts.desired == 0) {
            warnings
                .push(format!("wave {:?} matches no pool with nodes of the target: the run passes it by", wave.name));
        }
        let annotations = &self.changed.metadata.annotations;
        if !annotations.contains_key(api::names::UPDATE_STRATEGY) {
            warnings.push(format!("it has no annotation {}: Drover would do nothing", api::names::UPDATE_STRATEGY));
        }
        if !self.changed.is_on_delete() {
            let kind = &self.changed.spec.update_strategy.kind;
            warnings.push(format!(
                "its updateStrategy is {kind}, not OnDelete: Kubernetes would replace its pods by itself"
            ));
        }
        if let Some(run) = self.present {
            let phase = run.status.as_ref().map(|status| status.phase).unwrap_or_default();
            if !matches!(phase, api::fleet_rollout::Phase::Completed) {
                let number = run.spec.revision.number;
                warnings.push(format!("revision {number} is {phase:?}: it would be superseded at once, and what is under way keeps its slots"));
            }
        }
        warnings
    }
}

/// How many may be down at once.
fn limits(planned: &Planned, width: usize) -> Vec<Line> {
    let (strategy, counts) = (&planned.strategy, &planned.plan.report.counts);
    let mut parts = vec![format!(
        "{} of {} reachable nodes may be down at once ({} now)",
        strategy.max_unavailable.allowed(counts.reachable),
        counts.reachable,
        counts.down.saturating_sub(u32::try_from(planned.plan.steps.len()).unwrap_or(0)),
    )];
    if let Some(per_pool) = strategy.max_unavailable_per_pool {
        parts.push(format!("{} of each pool", amount(per_pool)));
    }
    parts.push(match strategy.slow_start {
        SlowStart::Doubling => format!("slow start from {}", strategy.min_observed),
        SlowStart::None => "no slow start".to_owned(),
    });
    text_lines(Tone::Plain, &format!("{}.", parts.join("; ")), width)
}

/// A wave with its pools and what it asks for.
fn wave_lines(strategy: &Strategy, at: usize, wave: &WaveReport, report: &Report, width: usize) -> Vec<Line> {
    let rules = strategy.waves.get(at);
    let pools: Vec<String> = report
        .pools
        .iter()
        .filter(|pool| pool.wave == wave.name && pool.counts.desired > 0)
        .map(|pool| format!("{} ({})", if pool.pool.is_empty() { "no pool" } else { &*pool.pool }, pool.counts.desired))
        .collect();
    let title = format!("{:>3}. {}", at + 1, wave.name);
    let size = format!("  {} in {}", count(wave.counts.desired as usize, "node"), count(pools.len(), "pool"));
    let offline = if wave.counts.offline > 0 { format!(", {} offline", wave.counts.offline) } else { String::new() };
    let mut lines = vec![Line::of(Tone::Strong, title).and(Tone::Plain, size + &offline)];
    let margin = Line::of(Tone::Plain, "     ");
    lines.extend(hang(Tone::Faint, &margin, &margin, &listed(&pools), width));
    if let Some(rules) = rules {
        lines.extend(hang(Tone::Plain, &margin, &margin, &conditions(rules, strategy), width));
    }
    lines
}

/// What starts at the first look.
fn first(planned: &Planned, width: usize) -> Vec<Line> {
    let steps = &planned.plan.steps;
    if steps.is_empty() {
        let why = nothing_starts(planned.plan.report.hold.as_ref(), UnitKind::Node);
        return text_lines(Tone::Call, &format!("Nothing starts at once: {why}."), width);
    }
    let names: Vec<String> = steps.iter().map(|step| step.node.to_string()).collect();
    let broken = steps.iter().filter(|step| step.was_down).count();
    let broken = if broken > 0 { format!(" ({broken} of them broken already)") } else { String::new() };
    text_lines(Tone::Plain, &format!("First {}{broken}: {}", count(steps.len(), "restart"), listed(&names)), width)
}

/// Why the others do not, by kind.
fn held(report: &Report, width: usize) -> Vec<Line> {
    let kinds = waiting(report, UnitKind::Node);
    if kinds.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::of(Tone::Plain, "Then wait:")];
    let margin = Line::of(Tone::Plain, "        ");
    for kind in kinds {
        let first = Line::of(Tone::Plain, format!("{:>6}  ", kind.units.len()));
        lines.extend(hang(Tone::Faint, &first, &margin, &kind.sentence, width));
    }
    lines
}
