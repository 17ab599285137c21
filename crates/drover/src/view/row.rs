//! Rows of bars and numbers, for whatever has units.

use super::bars::Layout;
use crate::progress::Units;
use crate::text::{Line, Tone};

/// A heading, and a row for each: its name and its units.
pub fn table(rows: &[(Line, Units)], width: usize) -> Vec<Line> {
    let layout = Layout::new(rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0), width);
    let rows = rows.iter().map(|(name, units)| layout.row(name, Tone::Plain, units));
    std::iter::once(layout.heading()).chain(rows).collect()
}
