//! What a run is about, how it stands, in a sentence, and when it will be done.

use api::fleet_rollout::Phase;
use jiff::Timestamp;

use crate::eta::Eta;
use crate::progress::Progress;
use crate::text::{Line, Tone, hang, wrap};

/// The first lines.
pub(super) fn lines(run: &Progress, now: Timestamp, width: usize) -> Vec<Line> {
    let Progress { namespace, kind, target, revision, revision_name, phase, .. } = run;
    let (tone, glyph) = look(*phase);
    let state = format!("{glyph} {phase:?}");
    let title = Line::of(Tone::Strong, format!("{target} → revision {revision}"))
        .and(Tone::Faint, format!("  {revision_name}, {kind} in {namespace}"));
    let room = width.saturating_sub(state.chars().count() + 2);
    let title = if title.width() > room { title.cut(room - 1).and(Tone::Faint, "…") } else { title };
    let mut lines = vec![title.pad_to(room + 2).and(tone, state)];
    lines.extend(wrap(Tone::Plain, &run.sentence, 0, width));
    let (first, rest) = (Line::of(Tone::Call, "! "), Line::of(Tone::Plain, "  "));
    lines.extend(run.notices.iter().flat_map(|notice| hang(Tone::Call, &first, &rest, notice, width)));
    lines.extend(clock(run, now).map(|text| Line::of(Tone::Faint, text)));
    lines
}

/// A phase's tone and glyph.
pub const fn look(phase: Phase) -> (Tone, &'static str) {
    match phase {
        Phase::Pending => (Tone::Faint, "○"),
        Phase::Progressing => (Tone::Busy, "●"),
        Phase::Soaking => (Tone::Busy, "◔"),
        Phase::AwaitingApproval => (Tone::Call, "?"),
        Phase::Held => (Tone::Call, "◼"),
        Phase::Paused => (Tone::Call, "‖"),
        Phase::Halted => (Tone::Bad, "✖"),
        Phase::RolledBack => (Tone::Bad, "↶"),
        Phase::Superseded => (Tone::Faint, "»"),
        Phase::Completed => (Tone::Good, "✔"),
        Phase::Aborted => (Tone::Bad, "■"),
    }
}

/// Since when, and how much longer.
fn clock(run: &Progress, now: Timestamp) -> Option<String> {
    let began = run.began.map(|began| {
        let seconds = now.duration_since(began).as_secs();
        format!("began {} ago", span(u64::try_from(seconds).unwrap_or_default()))
    });
    let eta = run.eta.filter(|eta| !run.is_over() && eta.p90_seconds > 0).map(|eta| left(&eta));
    match (eta, began) {
        (Some(eta), Some(began)) => Some(format!("{eta} · {began}")),
        (eta, began) => eta.or(began),
    }
}

fn left(Eta { p50_seconds, p90_seconds }: &Eta) -> String {
    let (likely, late) = (span(*p50_seconds), span(*p90_seconds));
    if likely == late { format!("about {likely} left") } else { format!("{likely} – {late} left (p50–p90)") }
}

/// A duration in its two largest units, as one reads it.
pub fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, 1..=4) => format!("{minutes} min {} s", seconds % 60),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}
