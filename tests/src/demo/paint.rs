//! The picture of a fleet on its way: a row of numbers and a progress bar for each pool.

use std::time::Duration;

use super::fleet::{Counts, Look, Standing};
use super::run::Run;
use super::text::{Line, Tone, hang};

const NAME: usize = 10;
/// As wide as a pool's nodes need to be told apart, and no wider than fits.
const BAR: usize = 40;
/// The columns of numbers, right of the bar.
const COLUMNS: [(&str, usize); 5] = [("updated", 10), ("settled", 9), ("down", 6), ("offline", 9), ("lost", 6)];

/// The whole picture.
pub(super) fn picture(look: &Look, run: &Run, elapsed: Duration, width: usize) -> Vec<Line> {
    let mut lines = table(look, width);
    lines.push(legend());
    lines.push(Line::new());
    lines.extend(words(run, elapsed, width));
    lines
}

/// The pools, and all of them together.
pub(super) fn table(look: &Look, width: usize) -> Vec<Line> {
    let bar = bar_width(width);
    let mut lines = vec![heading(bar)];
    lines.extend(look.pools.iter().map(|(pool, counts)| row(Tone::Plain, pool, counts, bar)));
    lines.push(row(Tone::Strong, "all", &look.all, bar));
    lines
}

/// What the run says of itself, and when.
pub(super) fn words(run: &Run, elapsed: Duration, width: usize) -> Vec<Line> {
    let mark = format!("{:>5} s", elapsed.as_secs());
    // Without a word yet, the clock alone.
    hang(Tone::Plain, &mark, &run.words().unwrap_or_else(|| "–".to_owned()), mark.len() + 2, width)
}

fn bar_width(width: usize) -> usize {
    let numbers: usize = COLUMNS.iter().map(|(_, width)| width).sum();
    width.saturating_sub(2 + NAME + numbers).clamp(10, BAR)
}

fn heading(bar: usize) -> Line {
    let mut line = Line::new().pad_to(2 + NAME + bar);
    for (name, width) in COLUMNS {
        line = line.and(Tone::Faint, format!("{name:>width$}"));
    }
    line
}

fn row(tone: Tone, name: &str, counts: &Counts, bar: usize) -> Line {
    let mut line = Line::of(tone, format!("  {name:<NAME$}"));
    line.0.extend(cells(counts, bar));
    let updated = format!("{}/{}", counts.updated(), counts.nodes());
    let numbers = [
        (tone, updated),
        (tone, counts.settled.to_string()),
        (Tone::Busy, counts.down.to_string()),
        (tone, counts.offline.to_string()),
        (Tone::Bad, counts.lost.to_string()),
    ];
    for ((tone, number), (_, width)) in numbers.into_iter().zip(COLUMNS) {
        let tone = if number == "0" { Tone::Faint } else { tone };
        line = line.and(tone, format!("{number:>width$}"));
    }
    line
}

/// A bar with as many cells for each standing as it has of the nodes, to within one.
fn cells(counts: &Counts, bar: usize) -> Vec<(Tone, String)> {
    let all = counts.nodes().max(1);
    let (mut nodes, mut filled) = (0, 0);
    let mut parts = Vec::new();
    for (standing, count) in counts.by_standing() {
        nodes += count;
        let end = nodes * bar / all;
        let (tone, cell) = standing.cell();
        parts.push((tone, cell.repeat(end - filled)));
        filled = end;
    }
    parts
}

fn legend() -> Line {
    let mut line = Line::of(Tone::Plain, " ".repeat(2 + NAME));
    for (standing, name) in [
        (Standing::Settled, "settled"),
        (Standing::Proving, "proving itself"),
        (Standing::Down, "down"),
        (Standing::Waiting, "to do"),
        (Standing::Offline, "offline"),
        (Standing::Lost, "lost"),
    ] {
        let (tone, cell) = standing.cell();
        line = line.and(tone, cell).and(Tone::Faint, format!(" {name}   "));
    }
    line
}

impl Standing {
    /// Told apart without colours too.
    const fn cell(self) -> (Tone, &'static str) {
        match self {
            Self::Settled => (Tone::Good, "█"),
            Self::Proving => (Tone::Busy, "▓"),
            Self::Down => (Tone::Busy, "▒"),
            Self::Waiting => (Tone::Faint, "░"),
            Self::Offline => (Tone::Plain, "·"),
            Self::Lost => (Tone::Bad, "x"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &Line) -> String {
        line.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn a_bar_is_full_and_shares_are_right_to_within_a_cell() {
        let counts = Counts { settled: 3, proving: 2, down: 1, waiting: 2, offline: 1, lost: 1 };
        let bar: String = cells(&counts, 30).into_iter().map(|(_, part)| part).collect();
        assert_eq!(bar, "█████████▓▓▓▓▓▓xxx▒▒▒░░░░░░···");
        for bar in 10..40 {
            let drawn: usize = cells(&counts, bar).iter().map(|(_, part)| part.chars().count()).sum();
            assert_eq!(drawn, bar);
        }
        assert!(cells(&Counts::default(), 10).iter().all(|(_, part)| part.is_empty()));
    }

    #[test]
    fn numbers_stand_under_their_names() {
        let counts = Counts { settled: 6, proving: 1, offline: 3, ..Counts::default() };
        let look = Look { pools: [("pool-1".to_owned(), counts)].into(), all: counts, ..Look::default() };
        let lines = table(&look, 72);
        assert_eq!(text(&lines[0]), "                                   updated  settled  down  offline  lost");
        assert_eq!(text(&lines[1]), "  pool-1    ████████████▓▓······      7/10        6     0        3     0");
        assert_eq!(lines.len(), 3);
    }
}
