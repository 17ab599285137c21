//! Bars and columns of numbers: one row's worth of a wave or a pool.

use crate::progress::{PoolUnit, State, Units};
use crate::text::{Line, Tone, count};

/// The narrowest bar that still tells something, and the widest that is not just long.
const BAR: (usize, usize) = (10, 44);
/// The columns of numbers, right of the bar.
const COLUMNS: [(&str, usize); 5] = [("updated", 11), ("settled", 9), ("down", 6), ("offline", 9), ("failed", 8)];

/// A part of a bar.
#[derive(Debug, Clone, Copy)]
enum Part {
    Settled,
    Moving,
    Failed,
    ToDo,
    Offline,
}

/// How wide names and bars are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) name: usize,
    bar: usize,
}

impl Layout {
    /// With names as wide as they need to be, as far as there is room.
    pub(super) fn new(longest_name: usize, width: usize) -> Self {
        let numbers: usize = COLUMNS.iter().map(|(_, width)| width).sum();
        let name = longest_name.clamp(10, width.saturating_sub(numbers + BAR.0 + 1).max(10)).min(32);
        Self { name, bar: width.saturating_sub(numbers + name + 1).clamp(BAR.0, BAR.1) }
    }

    /// The columns' names.
    pub(super) fn heading(self) -> Line {
        let line = Line::new().pad_to(self.name + 1 + self.bar);
        COLUMNS.iter().fold(line, |line, (name, width)| line.and(Tone::Faint, format!("{name:>width$}")))
    }

    /// A row after its name.
    pub(super) fn row(self, name: &Line, tone: Tone, units: &Units) -> Line {
        let line = name.cut(self.name).pad_to(self.name + 1).then(self.bar_of(units));
        let numbers = [
            (tone, format!("{}/{}", units.updated, units.desired)),
            (tone, units.settled.to_string()),
            (Tone::Busy, units.down.map_or_else(|| "–".to_owned(), |down| down.to_string())),
            (tone, units.offline.to_string()),
            (Tone::Bad, units.failed.to_string()),
        ];
        numbers.into_iter().zip(COLUMNS).fold(line, |line, ((tone, number), (_, width))| {
            let tone = if matches!(number.as_str(), "0" | "–") { Tone::Faint } else { tone };
            line.and(tone, format!("{number:>width$}"))
        })
    }

    /// A row of a pool that is a unit: how far its pods are, and how it is in words.
    pub(super) fn pool(self, name: &Line, unit: &PoolUnit) -> Line {
        let line = name.cut(self.name).pad_to(self.name + 1).then(self.bar_of(&pods(unit)));
        let (tone, glyph, word) = words(unit.state);
        let line = line.and(tone, format!("  {glyph} {word}"));
        let Some(pods) = &unit.workload else { return line.and(Tone::Faint, ", no workload yet") };
        let done = match unit.state {
            State::Updated => count(usize::try_from(pods.desired).unwrap_or(0), "pod"),
            State::Waiting | State::NotReachable => format!("{}/{} pods available", pods.available, pods.desired),
            State::InProgress | State::Failed | State::Broken => {
                format!("{}/{} pods updated", pods.updated, pods.desired)
            }
        };
        line.and(Tone::Faint, format!(", {done}"))
    }

    /// A row of what only a status tells: units that are done, of an unknown number.
    pub(super) fn counted(self, name: &Line, updated: u32, failed: u32) -> Line {
        let text = format!("{updated} updated, {failed} failed");
        name.cut(self.name).pad_to(self.name + 1).and(if failed > 0 { Tone::Bad } else { Tone::Plain }, text)
    }

    /// A bar with as many cells for each part as it has of the units, and at least one: three of a thousand are seen.
    fn bar_of(self, units: &Units) -> Line {
        let parts = parts(units);
        let cells = shares(parts.map(|(_, count)| count as usize), self.bar);
        let line = parts.iter().zip(cells).fold(Line::new(), |line, ((part, _), cells)| {
            let (tone, cell) = part.cell();
            line.and(tone, cell.repeat(cells))
        });
        line.pad_to(self.bar)
    }
}

/// A pool's state.
const fn words(state: State) -> (Tone, &'static str, &'static str) {
    match state {
        State::Updated => (Tone::Good, "✔", "updated"),
        State::InProgress => (Tone::Busy, "●", "in progress"),
        State::Failed => (Tone::Bad, "✖", "failed"),
        State::Broken => (Tone::Call, "✖", "broken before"),
        State::NotReachable => (Tone::Plain, "·", "not reachable"),
        State::Waiting => (Tone::Faint, "○", "waits"),
    }
}

/// The pods of a pool, drawn as units are.
fn pods(unit: &PoolUnit) -> Units {
    let Some(pods) = &unit.workload else { return Units::default() };
    let number = |pods: i64| u32::try_from(pods).unwrap_or(0);
    let (desired, updated) = (number(pods.desired), number(pods.updated));
    let all = Units { desired, ..Units::default() };
    match unit.state {
        State::Updated => Units { updated: desired, settled: desired, ..all },
        State::InProgress => Units { updated, ..all },
        State::Failed | State::Broken => Units { failed: updated, ..all },
        State::NotReachable => Units { offline_to_do: Some(desired), ..all },
        State::Waiting => all,
    }
}

/// Cells for each count, as many in all as there are.
fn shares<const N: usize>(counts: [usize; N], cells: usize) -> [usize; N] {
    let all: usize = counts.iter().sum();
    let (mut seen, mut filled) = (0, 0);
    let mut shares = counts.map(|count| {
        seen += count;
        let end = (seen * cells).checked_div(all).unwrap_or(0);
        let share = end - filled;
        filled = end;
        share
    });
    for at in 0..N {
        let largest = (0..N).max_by_key(|at| shares[*at]).unwrap_or(at);
        if counts[at] > 0 && shares[at] == 0 && shares[largest] > 1 {
            shares[largest] -= 1;
            shares[at] = 1;
        }
    }
    shares
}

/// What the cells mean.
pub(super) fn legend() -> Line {
    let names = [
        (Part::Settled, "settled"),
        (Part::Moving, "under way or down"),
        (Part::Failed, "failed"),
        (Part::ToDo, "to do"),
        (Part::Offline, "offline"),
    ];
    names.into_iter().enumerate().fold(Line::new(), |line, (at, (part, name))| {
        let (tone, cell) = part.cell();
        let gap = if at == 0 { "" } else { "   " };
        line.and(Tone::Plain, gap).and(tone, cell).and(Tone::Faint, format!(" {name}"))
    })
}

/// Each unit in one part. A unit that is settled counts as such even while its node is away.
fn parts(units: &Units) -> [(Part, u32); 5] {
    let Units { desired, updated, settled, down, offline, offline_to_do, failed } = *units;
    let mut left = desired;
    let mut take = |count: u32| {
        let taken = count.min(left);
        left -= taken;
        taken
    };
    let settled = take(settled);
    let failed = take(failed);
    let moving = take(down.unwrap_or(0).max(updated.saturating_sub(settled + failed)));
    // One that is under way is drawn as such, wherever its node is.
    let offline = take(offline_to_do.unwrap_or_else(|| offline.min(desired.saturating_sub(updated))));
    [
        (Part::Settled, settled),
        (Part::Moving, moving),
        (Part::Failed, failed),
        (Part::ToDo, left),
        (Part::Offline, offline),
    ]
}

impl Part {
    /// Told apart without colours too.
    const fn cell(self) -> (Tone, &'static str) {
        match self {
            Self::Settled => (Tone::Good, "█"),
            Self::Moving => (Tone::Busy, "▓"),
            Self::Failed => (Tone::Bad, "x"),
            Self::ToDo => (Tone::Faint, "░"),
            Self::Offline => (Tone::Plain, "·"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_and_shares_are_right_to_within_a_cell() {
        let units =
            Units { desired: 10, updated: 6, settled: 3, down: Some(2), offline: 1, failed: 1, ..Units::default() };
        let layout = |bar| Layout { name: 0, bar };
        assert_eq!(layout(30).bar_of(&units).plain(), "█████████▓▓▓▓▓▓xxx░░░░░░░░░···");
        let few = Units { desired: 1000, updated: 3, settled: 1, down: Some(2), offline: 1, ..Units::default() };
        assert_eq!(layout(10).bar_of(&few).plain(), "█▓░░░░░░░·");
        for bar in 10..44 {
            assert_eq!(layout(bar).bar_of(&units).width(), bar);
        }
        assert_eq!(layout(10).bar_of(&Units::default()).plain(), "");
    }

    #[test]
    fn a_settled_unit_whose_node_is_away_is_settled() {
        let units = Units { desired: 4, updated: 4, settled: 4, down: Some(0), offline: 4, ..Units::default() };
        assert_eq!(Layout { name: 0, bar: 8 }.bar_of(&units).plain(), "████████");
    }

    #[test]
    fn a_unit_that_was_lost_on_its_way_is_drawn_once() {
        let lost = Units { desired: 10, down: Some(3), offline: 3, offline_to_do: Some(0), ..Units::default() };
        assert_eq!(Layout { name: 0, bar: 10 }.bar_of(&lost).plain(), "▓▓▓░░░░░░░");
    }
}
