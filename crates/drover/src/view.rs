//! A run as lines of text: a tree of waves and pools with bars and counts, holds in words, and what the user can do.
//!
//! Pure: the same [`Progress`] gives the same lines, whatever shows them.

mod advice;
mod bars;
mod heading;
pub mod row;
mod tree;

use jiff::Timestamp;

use crate::progress::Progress;
use crate::text::Line;

pub use heading::{look, span};

/// What of a run is shown.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Columns there are.
    pub width: usize,
    /// Rows there are for pools: the others are counted in a line. `None`: as many as there are.
    pub pools: Option<usize>,
}

/// A run.
pub fn view(run: &Progress, now: Timestamp, extent: Extent) -> Vec<Line> {
    let mut lines = heading::lines(run, now, extent.width);
    lines.push(Line::new());
    lines.extend(tree::lines(run, extent));
    lines.extend(advice::lines(run, extent.width));
    lines
}

/// A run in one line, for where lines scroll.
pub fn line(run: &Progress) -> Line {
    let (tone, _) = heading::look(run.phase);
    let target = format!("{}/{} r{} ", run.namespace, run.target, run.revision);
    Line::new()
        .and(crate::text::Tone::Strong, target)
        .and(tone, format!("{:?}", run.phase))
        .and(crate::text::Tone::Plain, format!(": {}", run.sentence))
}
