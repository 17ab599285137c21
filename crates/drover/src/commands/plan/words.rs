//! What the plans of every kind of target have in common, in words.

use api::fleet_rollout::strategy::{Approval, Strategy, Wave};
use planner::rollout::{Hold, Report, UnitKind};
use planner::strategy::Amount;

use crate::text::{Line, Tone, hang};
use crate::view::span;

/// Names in a list; the others are counted.
const NAMED: usize = 8;

/// Why units wait, for the same kind of reason: in the words of the first.
pub(super) struct Waiting<'a> {
    /// The kind of the reason.
    pub(super) kind: &'static str,
    /// The reason of the first of them.
    pub(super) sentence: String,
    /// Their names.
    pub(super) units: Vec<&'a str>,
}

/// Why units wait, the commonest kind of reason first.
pub(super) fn waiting(report: &Report, units: UnitKind) -> Vec<Waiting<'_>> {
    let mut kinds: Vec<Waiting<'_>> = Vec::new();
    for (unit, hold) in &report.units {
        match kinds.iter_mut().find(|known| known.kind == hold.kind()) {
            Some(known) => known.units.push(unit),
            None => {
                kinds.push(Waiting { kind: hold.kind(), sentence: hold.sentence(units), units: vec![unit.as_ref()] });
            }
        }
    }
    kinds.sort_by_key(|known| std::cmp::Reverse(known.units.len()));
    kinds
}

/// Why nothing starts.
pub(super) fn nothing_starts(hold: Option<&Hold>, units: UnitKind) -> String {
    hold.map_or_else(|| "nothing is to be done".to_owned(), |hold| hold.sentence(units))
}

/// What a wave asks for.
pub(super) fn conditions(wave: &Wave, strategy: &Strategy) -> String {
    let mut parts = Vec::new();
    if wave.approval == Approval::BeforeWave {
        parts.push("waits for approval to open".to_owned());
    }
    if let Some(amount) = wave.max_unavailable.or(strategy.max_unavailable) {
        parts.push(format!("at most {} of it down", self::amount(amount.0)));
    }
    if let Some(amount) = wave.max_concurrent_pools {
        parts.push(format!("{} of its pools at once", self::amount(amount.0)));
    }
    if let Some(amount) = wave.min_updated {
        parts.push(format!("succeeds with {} settled", self::amount(amount.0)));
    }
    if wave.soak_seconds > 0 {
        parts.push(format!("is watched for {}", span(u64::from(wave.soak_seconds))));
    }
    if wave.approval == Approval::AfterWave {
        parts.push("then waits for approval to go on".to_owned());
    }
    if parts.is_empty() { "no conditions of its own".to_owned() } else { parts.join(", ") }
}

/// An integer, or a share.
pub(super) fn amount(amount: Amount) -> String {
    match amount {
        Amount::Count(count) => count.to_string(),
        Amount::Percent(percent) => format!("{percent} %"),
    }
}

/// Names, as many as one reads.
pub(super) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown = names[..names.len() - more].iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// A paragraph.
pub(super) fn text_lines(tone: Tone, text: &str, width: usize) -> Vec<Line> {
    hang(tone, &Line::new(), &Line::new(), text, width)
}

/// What the user should know before.
pub(super) fn warning_lines(warnings: &[String], width: usize) -> Vec<Line> {
    let (first, rest) = (Line::of(Tone::Call, "! "), Line::of(Tone::Plain, "  "));
    warnings.iter().flat_map(|text| hang(Tone::Plain, &first, &rest, text, width)).collect()
}
