//! Waves: in which order the pools of a target get a revision, and what must be before the next ones do.

use std::collections::HashSet;
use std::fmt;

use jiff::SignedDuration;

use super::{Amount, Selector};
use crate::fleet::Name;

/// The name of the only wave of a strategy that names none.
const ONLY: &str = "all";

/// The name of the wave of all pools that no other wave chose.
const REST: &str = "rest";

/// As many waves as a strategy may name: a FleetRollout's status shows 100, one of which may be the rest.
const MOST: usize = 99;

/// The waves of a strategy, in order, and a last one of all pools that none of them chose. Made by [`Waves::new`], so that
/// every name is there once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waves {
    named: Vec<Wave>,
    rest: Wave,
}

/// One wave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// Its name.
    pub name: Name,
    /// Pools that belong to it.
    pub pools: Vec<Name>,
    /// So do pools with such labels.
    pub pool_selector: Option<Selector>,
    /// Of the pools that match and are in no earlier wave, only so many, by name; `None`: all.
    pub max_pools: Option<Amount>,
    /// Pools that may have restarts under way at once; `None`: all.
    pub max_concurrent_pools: Option<Amount>,
    /// Of its reachable units, how many may be down at once; `None`: the run's amount, over the wave's units.
    pub max_unavailable: Option<Amount>,
    /// Of its reachable units, how many must be settled before it succeeds; `None`: all that did not get another verdict.
    pub min_updated: Option<Amount>,
    /// What becomes of it when too few units are reachable at its deadline.
    pub on_inconclusive: OnInconclusive,
    /// How long it is watched after its success.
    pub soak: SignedDuration,
    /// Where it waits for a human.
    pub approval: Approval,
}

/// What becomes of a wave in which too few units are reachable for a verdict at its deadline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnInconclusive {
    /// The run waits.
    #[default]
    Hold,
    /// The run goes on as if the wave had succeeded.
    Proceed,
}

/// Where a wave waits for a human.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Approval {
    /// Nowhere.
    #[default]
    None,
    /// Before it opens.
    BeforeWave,
    /// After it has succeeded and soaked.
    AfterWave,
}

/// Why waves are not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WavesError {
    /// More than a status can show.
    TooMany(usize),
    /// A name is empty, stands twice or is that of the implicit wave.
    Name {
        /// Its place, from 0.
        at: usize,
        /// The name.
        name: Name,
    },
    /// Neither `pools` nor `poolSelector` is given.
    NoPools {
        /// Its place, from 0.
        at: usize,
    },
}

impl Waves {
    /// One wave of all pools.
    pub fn one() -> Self {
        Self { named: Vec::new(), rest: Wave::named(ONLY) }
    }

    /// These waves, in this order; none means [`Waves::one`].
    pub fn new(named: Vec<Wave>) -> Result<Self, WavesError> {
        if named.is_empty() {
            return Ok(Self::one());
        }
        if named.len() > MOST {
            return Err(WavesError::TooMany(named.len()));
        }
        let mut names = HashSet::from(["", REST]);
        for (at, wave) in named.iter().enumerate() {
            if !names.insert(&*wave.name) {
                return Err(WavesError::Name { at, name: wave.name.clone() });
            }
            if !wave.chooses() {
                return Err(WavesError::NoPools { at });
            }
        }
        Ok(Self { named, rest: Wave::named(REST) })
    }

    /// The waves that were named.
    pub fn named(&self) -> &[Wave] {
        &self.named
    }

    /// The wave at this place; beyond the named ones, that of all other pools.
    pub fn at(&self, place: usize) -> &Wave {
        self.named.get(place).unwrap_or(&self.rest)
    }
}

impl Wave {
    /// A wave of this name, with the default of everything else. It chooses no pool yet.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            pools: Vec::new(),
            pool_selector: None,
            max_pools: None,
            max_concurrent_pools: None,
            max_unavailable: None,
            min_updated: None,
            on_inconclusive: OnInconclusive::Hold,
            soak: SignedDuration::ZERO,
            approval: Approval::None,
        }
    }

    /// Whether it chooses pools; otherwise it has those that no other chose.
    pub fn chooses(&self) -> bool {
        !self.pools.is_empty() || self.pool_selector.is_some()
    }

    /// Whether a pool matches; `maxPools` and earlier waves may still keep it out.
    pub fn matches(&self, pool: &str, labels: &[(Name, Name)]) -> bool {
        self.pools.iter().any(|named| **named == *pool)
            || self.pool_selector.as_ref().is_some_and(|selector| selector.matches(labels))
    }
}

impl fmt::Display for WavesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(count) => write!(f, "waves: {count} waves, at most {MOST} are allowed"),
            Self::Name { at, name } => {
                write!(f, "waves[{at}].name: {name:?} is empty, stands twice or is the implicit wave's ({REST:?})")
            }
            Self::NoPools { at } => write!(f, "waves[{at}]: one of pools and poolSelector must be given"),
        }
    }
}

impl std::error::Error for WavesError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wave_has_a_name_of_its_own_and_pools() {
        let wave = |name: &str| Wave { pools: vec!["p".into()], ..Wave::named(name) };
        assert_eq!(Waves::new(vec![]), Ok(Waves::one()));
        assert_eq!(&*Waves::new(vec![wave("canary")]).unwrap().at(1).name, "rest");
        for (named, error) in [
            (vec![wave("a"), wave("b"), wave("a")], "waves[2].name: \"a\" is empty, stands twice"),
            (vec![wave("rest")], "waves[0].name: \"rest\""),
            (vec![wave("")], "waves[0].name: \"\""),
            (vec![wave("a"), Wave::named("b")], "waves[1]: one of pools and poolSelector"),
            (vec![wave("a"); 100], "waves: 100 waves, at most 99"),
        ] {
            let text = Waves::new(named).unwrap_err().to_string();
            assert!(text.starts_with(error), "{text}");
        }
    }
}
