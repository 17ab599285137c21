//! The timeline of a run as a picture in a terminal.

use std::fmt::Write as _;

use super::summary::{Moment, Summary};
use crate::text::{Line, Tone, fit};

/// Rows of the picture.
const ROWS: u32 = 8;

/// Columns before the picture: a number of up to six digits, and the axis.
const MARGIN: usize = 8;

/// A picture is not wider than the eye takes in at once.
const WIDEST: usize = 80;

/// Eighths of a cell, from none to all.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Seconds between marks of the time axis, least first.
const STEPS: [u64; 16] =
    [10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];

/// As many columns as a mark of the time axis needs.
const MARK: usize = 9;

/// A duration: `45s`, `1m 5s`, `2h 10m`, `3d 4h`.
pub(super) fn span(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown =
        parts[first..].iter().take(2).filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}"));
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

/// The picture, in at most `width` columns.
pub(super) fn lines(summary: &Summary, width: usize) -> Vec<Line> {
    let columns = width.min(WIDEST).saturating_sub(MARGIN + 1).max(20);
    let mut moments = columns_of(&summary.timeline.moments, columns);
    let Some(last) = summary.timeline.moments.last() else { return Vec::new() };
    let top = top(summary.nodes, &moments);
    let mut title = format!("the run of median duration (seed {}): units over time", summary.timeline.seed);
    if top < summary.nodes {
        let _ = write!(title, ", {top} of {} shown", summary.nodes);
        // Those that are offline are not among the first.
        moments.iter_mut().for_each(|moment| moment.offline = 0);
    }
    let mut lines = vec![Line::new(), Line::of(Tone::Faint, title)];
    lines.extend((0..ROWS).rev().map(|row| picture_row(row, top, &moments)));
    lines.extend(axis(last.seconds, columns));
    lines.push(waves(&summary.timeline.waves, &moments));
    lines.push(spark("down", &moments, Tone::Busy, |moment| moment.down));
    if moments.iter().any(|moment| moment.lost > 0) {
        lines.push(spark("lost", &moments, Tone::Bad, |moment| moment.lost));
    }
    lines.push(key(&moments));
    lines
}

/// As many units as the picture is high: all, or fewer where so few are updated that one would see nothing.
fn top(nodes: u32, moments: &[Moment]) -> u32 {
    let most = moments.iter().map(|moment| moment.updated).max().unwrap_or_default();
    if most * ROWS < nodes { most.max(ROWS) } else { nodes }
}

/// One moment for each column: the last one before the column ends.
fn columns_of(moments: &[Moment], columns: usize) -> Vec<Moment> {
    let Some(end) = moments.last().map(|moment| moment.seconds.max(1)) else { return Vec::new() };
    let upto = |column: usize| end * (column as u64 + 1) / columns as u64;
    let at = |column: usize| moments.partition_point(|moment| moment.seconds <= upto(column)).saturating_sub(1);
    (0..columns).map(|column| moments[at(column)]).collect()
}

fn picture_row(row: u32, top: u32, moments: &[Moment]) -> Line {
    let label = if row == ROWS - 1 {
        top.to_string()
    } else if row == 0 {
        "0".to_owned()
    } else {
        String::new()
    };
    let mut line = Line::of(Tone::Faint, format!("{label:>6} │"));
    for moment in moments {
        let (tone, glyph) = cell(row, top, moment);
        match line.0.last_mut() {
            Some((last, text)) if *last == tone => text.push(glyph),
            _ => line = line.and(tone, glyph),
        }
    }
    line
}

/// From below: settled, then updated and not yet settled, then old; offline units on top, where they fill half a cell.
fn cell(row: u32, top: u32, moment: &Moment) -> (Tone, char) {
    let eighths = |units: u32| units.min(top) * ROWS * 8 / top.max(1);
    let (settled, updated) = (eighths(moment.settled), eighths(moment.updated));
    let bottom = row * 8;
    let offline_from = ROWS * 8 - eighths(moment.offline);
    if settled >= bottom + 8 {
        (Tone::Good, EIGHTHS[8])
    } else if settled > bottom {
        (Tone::Good, EIGHTHS[(settled - bottom) as usize])
    } else if updated > bottom {
        (Tone::Busy, '░')
    } else if offline_from <= bottom + 4 {
        (Tone::Faint, '·')
    } else {
        (Tone::Plain, ' ')
    }
}

fn axis(end: u64, columns: usize) -> [Line; 2] {
    let place = |seconds: u64| usize::try_from(seconds * columns as u64 / end.max(1)).unwrap_or(columns);
    let wide = |step: &&u64| place(**step) >= MARK;
    let step = STEPS.iter().find(wide).copied().unwrap_or(end.max(1));
    let mut rule = vec!['─'; columns];
    let mut marks = " ".repeat(MARGIN - 1);
    let mut at = 0;
    while at <= end && place(at) < columns {
        rule[place(at)] = '┴';
        let missing = (MARGIN - 1 + place(at)).saturating_sub(marks.chars().count());
        let mark = span(at);
        if MARGIN + place(at) + mark.len() <= MARGIN + columns {
            marks.push_str(&" ".repeat(missing));
            marks.push_str(&mark);
        }
        at += step;
    }
    [
        Line::of(Tone::Faint, format!("{:>6} └{}", "", rule.into_iter().collect::<String>())),
        Line::of(Tone::Faint, format!(" {}", marks.trim_end())),
    ]
}

/// Each wave's name where it opens.
fn waves(names: &[String], moments: &[Moment]) -> Line {
    let mut line = heading("wave");
    let opens = |wave: usize| moments.iter().position(|moment| moment.waves > wave).unwrap_or(moments.len());
    for (at, name) in names.iter().enumerate() {
        let (from, to) = (opens(at), if at + 1 < names.len() { opens(at + 1) } else { moments.len() });
        let room = to.saturating_sub(from);
        if room > 0 {
            let name = if room > 2 { fit(name, room - 1) } else { String::new() };
            line = line.pad_to(MARGIN + from).and(Tone::Strong, format!("▏{name}"));
        }
    }
    line
}

/// A row of bars, the highest of which is the most.
fn spark(name: &str, moments: &[Moment], tone: Tone, of: impl Fn(&Moment) -> u32) -> Line {
    let most = moments.iter().map(&of).max().unwrap_or_default();
    let bar = |moment: &Moment| match of(moment) {
        0 => ' ',
        // Even one shows.
        count => EIGHTHS[((count * 8).div_ceil(most.max(1))).clamp(1, 8) as usize],
    };
    heading(name).and(tone, moments.iter().map(bar).collect::<String>())
}

fn heading(name: &str) -> Line {
    Line::of(Tone::Faint, format!("{name:>6}  "))
}

fn key(moments: &[Moment]) -> Line {
    let most = |of: &dyn Fn(&Moment) -> u32| moments.iter().map(of).max().unwrap_or_default();
    let mut line = Line::of(Tone::Plain, " ".repeat(MARGIN))
        .and(Tone::Good, "█")
        .and(Tone::Faint, " settled  ")
        .and(Tone::Busy, "░")
        .and(Tone::Faint, " updated");
    if most(&|moment| moment.offline) > 0 {
        line = line.and(Tone::Faint, "  · offline");
    }
    let lost = match most(&|moment| moment.lost) {
        0 => String::new(),
        lost => format!(", lost: {lost}"),
    };
    line.and(Tone::Faint, format!("  down: at most {}{lost}", most(&|moment| moment.down)))
}
