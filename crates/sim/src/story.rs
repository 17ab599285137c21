//! Stories: a script that anyone can read, and the transcript of what came of it.
//!
//! ```text
//! # A budget of 10 % lets one of six nodes be down.
//! nodes a1..a3 in pool a
//! nodes b1..b3 in pool b
//! strategy maxUnavailable 10%
//! wave canary pools a soak 10m
//! at 0s template r2 good
//! at 1m offline a1
//! run until completed
//! run 10m
//! expect at most 1 down
//! expect a1 at r1
//! --- transcript
//! ```
//!
//! A `run` line lets time pass; `at` is counted from the start. Strategies are in `story/rules.rs`, what can happen
//! is in `story/words.rs`, what can be expected in `story/expect.rs`, all as tables of words.

mod expect;
mod parse;
mod rules;
mod words;

use jiff::SignedDuration;

pub use expect::Expectation;
pub use parse::StoryError;

use crate::happening::Happening;
use crate::world::{Setup, World};
use planner::rollout::RunPhase;

/// What separates a script from its transcript.
pub const SEPARATOR: &str = "--- transcript";

/// So long a run may take that is to reach something.
const PATIENCE: SignedDuration = SignedDuration::from_hours(48);

/// A script.
#[derive(Debug, Clone)]
pub struct Story {
    setup: Setup,
    happenings: Vec<(SignedDuration, Happening)>,
    acts: Vec<Act>,
    expectations: Vec<Expectation>,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy)]
enum Act {
    For(SignedDuration),
    Until(RunPhase),
}

/// A story told.
#[derive(Debug)]
pub struct Told {
    /// The transcript and what it came to.
    pub text: String,
    /// What was expected and is not so, and broken invariants.
    pub wrong: Vec<String>,
}

impl Story {
    /// Reads a script: all lines before the transcript.
    pub fn read(text: &str) -> Result<Self, StoryError> {
        parse::read(text.split(SEPARATOR).next().unwrap_or_default())
    }

    /// Lets it happen.
    pub fn tell(&self) -> Told {
        let mut world = World::new(&self.setup);
        for (after, happening) in &self.happenings {
            world.schedule(*after, happening.clone());
        }
        let mut wrong = Vec::new();
        for act in &self.acts {
            match act {
                Act::For(span) => {
                    let end = world.elapsed() + *span;
                    world.run_until(end, |_| false);
                }
                Act::Until(phase) => {
                    let reached = world.run_until(world.elapsed() + PATIENCE, |world| {
                        world.has_changed()
                            && (0..self.setup.daemon_sets.len()).all(|set| world.phase(set) == Some(*phase))
                    });
                    if reached.is_none() {
                        wrong.push(format!("never {phase:?}"));
                    }
                }
            }
        }
        wrong.extend(world.check().err());
        wrong.extend(self.expectations.iter().filter_map(|expected| expected.missed(&world)));
        let mut text = world.transcript.lines().join("\n");
        text.push_str("\n\n");
        text.push_str(&world.epilogue());
        Told { text, wrong }
    }
}
