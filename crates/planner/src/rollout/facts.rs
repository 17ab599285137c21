//! What a strategy asks of the world beyond nodes and pods.

use crate::fleet::Name;
use crate::strategy::{Dependency, PoolLabels, Scope};

/// Facts from outside the fleet. The default is a world in which nothing is known: what waits for something goes on waiting.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The labels of NodePools, sorted by pool.
    pub pools: &'a [PoolLabels],
    /// The decisions on this run's approval requests.
    pub approvals: &'a [Decided],
    /// How far each dependency of the strategy is, in the strategy's order. One that is missing is unknown.
    pub dependencies: &'a [Progress],
    /// The run goes back to a revision because a later one failed: it skips soak and windows, and is never rolled back.
    pub is_rollback: bool,
    /// The revision of the last Completed run of another revision: where a rollback leads to.
    pub last_completed: Option<&'a Name>,
}

/// Where in a wave's life it waits for a human.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Before it opens.
    BeforeWave,
    /// After it has succeeded and soaked.
    AfterWave,
}

/// A human's decision on one wave of this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The wave.
    pub wave: Name,
    /// Where in its life.
    pub point: Point,
    /// It may go on; otherwise it was rejected.
    pub approved: bool,
    /// Who decided.
    pub approver: Name,
}

/// How far a dependency is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// In all of its pools.
    pub everywhere: Met,
    /// Pool by pool, sorted by name.
    pub pools: Vec<(Name, Met)>,
    /// In a pool that is not listed.
    pub elsewhere: Met,
}

/// Whether a dependency is up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// Nobody can tell: who knows it is away, or its view is stale.
    Unknown,
}

impl Facts<'_> {
    /// The labels of a pool; none when it has no NodePool.
    pub(super) fn labels(&self, pool: &str) -> &[(Name, Name)] {
        let at = self.pools.binary_search_by(|known| (*known.pool).cmp(pool));
        at.map_or(&[], |at| &self.pools[at].labels)
    }

    /// The decision on a wave, if there is one. Of several a rejection wins.
    pub(super) fn decision(&self, wave: &str, point: Point) -> Option<&Decided> {
        let decided = || self.approvals.iter().filter(|decided| *decided.wave == *wave && decided.point == point);
        decided().find(|decided| !decided.approved).or_else(|| decided().next())
    }

    /// Whether the dependency at this place of the strategy is up to date, as far as a pool is concerned.
    pub(super) fn met(&self, at: usize, dependency: &Dependency, pool: &str) -> Met {
        let Some(progress) = self.dependencies.get(at) else { return Met::Unknown };
        match dependency.scope {
            Scope::AllPools => progress.everywhere,
            Scope::SamePool => {
                let found = progress.pools.binary_search_by(|(known, _)| (**known).cmp(pool));
                found.map_or(progress.elsewhere, |found| progress.pools[found].1)
            }
        }
    }
}

impl Point {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeWave => "BeforeWave",
            Self::AfterWave => "AfterWave",
        }
    }
}
