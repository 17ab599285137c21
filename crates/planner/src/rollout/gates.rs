//! What a pool of an open wave waits for: windows and dependencies. Looked at only for pools with a unit that could start.

use super::units::Fleet;
use super::waves::Waves;
use super::{Hold, Input, Met, Revisit};
use crate::fleet::Name;
use crate::strategy::{CatchUp, Effect, Openness, Window};

/// A pool's turn among those that may start, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    /// Where pools under change are limited: those that are, then those that have begun, then the others.
    change: u8,
    /// Pools with an open window, which may close, then those without (rule 11).
    is_always_open: bool,
}

/// The gates of all pools, each looked at once.
pub(super) struct Gates<'g, 'a> {
    input: &'g Input<'a>,
    fleet: &'g Fleet<'a>,
    waves: &'g Waves<'a>,
    /// By index into the fleet's pools.
    turns: Vec<Option<Result<Turn, Hold>>>,
    /// What sets of windows say, by which windows they are: pools share them.
    windows: Vec<(Vec<bool>, Openness)>,
}

impl<'g, 'a> Gates<'g, 'a> {
    pub(super) fn new(input: &'g Input<'a>, fleet: &'g Fleet<'a>, waves: &'g Waves<'a>) -> Self {
        Self { input, fleet, waves, turns: vec![None; fleet.pools.len()], windows: Vec::new() }
    }

    /// A pool's turn, or what it waits for.
    pub(super) fn turn(&mut self, pool: usize, revisit: &mut Revisit) -> Result<Turn, Hold> {
        if let Some(known) = &self.turns[pool] {
            return known.clone();
        }
        let turn = self.look(pool, revisit);
        self.turns[pool] = Some(turn.clone());
        turn
    }

    /// The first thing that ends any pool's waiting: the next window, or else a dependency.
    pub(super) fn first(&self) -> Option<Hold> {
        let holds = || self.turns.iter().flatten().filter_map(|turn| turn.as_ref().err());
        let opens = |hold: &&Hold| match hold {
            Hold::Window { opens } => *opens,
            _ => None,
        };
        let next = holds().filter(|hold| opens(hold).is_some()).min_by_key(opens);
        next.or_else(|| holds().next()).cloned()
    }

    fn look(&mut self, pool: usize, revisit: &mut Revisit) -> Result<Turn, Hold> {
        let name = &self.fleet.pools[pool].0;
        if let Some(hold) = dependency(self.input, name) {
            return Err(hold);
        }
        let is_always_open = match self.openness(pool) {
            Openness::Always => true,
            Openness::Open { closes } => {
                closes.map(|at| revisit.due(at));
                false
            }
            Openness::Closed { opens } => {
                opens.map(|at| revisit.due(at));
                return Err(Hold::Window { opens });
            }
        };
        Ok(Turn { change: self.change(pool), is_always_open })
    }

    fn change(&self, pool: usize) -> u8 {
        let sums = &self.fleet.pools[pool].1;
        let is_limited = self.waves.list[self.waves.of_pool[pool]].rules.max_concurrent_pools.is_some();
        match (is_limited, sums.under_way, sums.updated) {
            (false, _, _) => 0,
            (true, 1.., _) => 1,
            (true, 0, 1..) => 2,
            (true, 0, 0) => 3,
        }
    }

    /// What the windows say of a pool. Units that were away are caught up whenever no window denies it, if the strategy says
    /// `Always`: they missed the windows of their wave.
    fn openness(&mut self, pool: usize) -> Openness {
        let Input { strategy, facts, now, .. } = self.input;
        if strategy.windows.is_empty() || facts.is_rollback {
            return Openness::Always;
        }
        let labels = facts.labels(&self.fleet.pools[pool].0);
        let only_denied = strategy.catch_up == CatchUp::Always && self.waves.is_finished(pool);
        let counts = |window: &Window| window.is_about(labels) && (!only_denied || window.effect() == Effect::Deny);
        let mine: Vec<bool> = strategy.windows.iter().map(counts).collect();
        if let Some((_, known)) = self.windows.iter().find(|(set, _)| *set == mine) {
            return *known;
        }
        let chosen = strategy.windows.iter().zip(&mine).filter(|(_, counts)| **counts).map(|(window, _)| window);
        let openness = Openness::of(&chosen, *now);
        self.windows.push((mine, openness));
        openness
    }
}

/// The first dependency that is not known to be up to date where this pool needs it.
fn dependency(input: &Input<'_>, pool: &Name) -> Option<Hold> {
    input.strategy.depends_on.iter().enumerate().find_map(|(at, dependency)| {
        let is_known = match input.facts.met(at, dependency, pool) {
            Met::Yes => return None,
            Met::No => true,
            Met::Unknown => false,
        };
        let (kind, name) = (dependency.kind.clone(), dependency.name.clone());
        Some(Hold::Dependency { kind, name, scope: dependency.scope, is_known })
    })
}
