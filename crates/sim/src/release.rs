//! What a release does to the nodes that get it.

use std::fmt;

use jiff::SignedDuration;
use planner::fleet::Name;

/// A release: an effect, and where it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// What it does there; elsewhere it is good.
    pub effect: Effect,
    /// Where.
    pub place: Place,
}

/// What a release does to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Its pods become Ready as usual.
    Good,
    /// Its pods become Ready so long after their start.
    Slow(SignedDuration),
    /// Its pods crash-loop.
    Broken,
    /// Its pods run and never become Ready.
    Unready,
    /// Its pods become Ready, and crash-loop from so long after their start.
    Flaky(SignedDuration),
    /// Its pods take their node away so long after their start, for good.
    Killing(SignedDuration),
}

/// The nodes on which an effect shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// All.
    Everywhere,
    /// Every n-th that was ever made.
    Every(u64),
    /// Those of a pool.
    Pool(Name),
    /// Those of these names.
    Nodes(Vec<Name>),
}

impl Release {
    /// One that works.
    pub const GOOD: Self = Self { effect: Effect::Good, place: Place::Everywhere };

    /// One with this effect on all nodes.
    pub const fn everywhere(effect: Effect) -> Self {
        Self { effect, place: Place::Everywhere }
    }

    /// What it does to the `nth` node ever made.
    pub(crate) fn effect_on(&self, nth: u64, name: &Name, pool: &Name) -> Effect {
        let hit = match &self.place {
            Place::Everywhere => true,
            Place::Every(n) => nth.is_multiple_of(*n),
            Place::Pool(of) => of == pool,
            Place::Nodes(names) => names.contains(name),
        };
        if hit { self.effect } else { Effect::Good }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.effect {
            Effect::Good => f.write_str("good")?,
            Effect::Slow(after) => write!(f, "slow {}s", after.as_secs())?,
            Effect::Broken => f.write_str("broken")?,
            Effect::Unready => f.write_str("unready")?,
            Effect::Flaky(after) => write!(f, "flaky {}s", after.as_secs())?,
            Effect::Killing(after) => write!(f, "killing {}s", after.as_secs())?,
        }
        match &self.place {
            Place::Everywhere => Ok(()),
            Place::Every(n) => write!(f, " on every {n}. node"),
            Place::Pool(pool) => write!(f, " on pool {pool}"),
            Place::Nodes(names) => write!(f, " on {}", crate::transcript::list(names)),
        }
    }
}
