//! How long the parts of a command took.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Parts and their durations, in order.
#[derive(Default)]
pub(super) struct Timings {
    parts: Vec<(String, Duration, bool)>,
}

impl Timings {
    /// Does a part and notes how long it took and whether it went well.
    pub(super) fn part<T>(&mut self, name: &str, part: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("== {name}");
        let start = Instant::now();
        let done = part();
        self.parts.push((name.to_owned(), start.elapsed(), done.is_ok()));
        done
    }

    /// A table of all parts.
    pub(super) fn print(&self) {
        eprintln!();
        for (name, took, well) in &self.parts {
            eprintln!("{:>7.1} s  {}  {name}", took.as_secs_f32(), if *well { "ok    " } else { "FAILED" });
        }
        let total: Duration = self.parts.iter().map(|(_, took, _)| *took).sum();
        eprintln!("{:>7.1} s  in all", total.as_secs_f32());
    }
}
