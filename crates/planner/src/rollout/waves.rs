//! Third and fourth pass: which wave each pool belongs to, and how far each wave is.
//!
//! A wave that has opened keeps the pools it had then, whatever becomes of labels, limits and other pools: what has begun is
//! not begun anew. A pool that turns up later joins a wave that has not opened, the rest if no other.

use std::cmp::Ordering;

use super::facts::Point;
use super::halt::needed;
use super::run::Run;
use super::units::{Assessed, Fleet, Stage, Sums};
use super::{Hold, Input, Revisit, UnitKind, Wave, candidates};
use crate::fleet::Name;
use crate::strategy::{self, Approval, CatchUp, OnInconclusive};

/// The waves of a run at one moment.
#[derive(Debug)]
pub(super) struct Waves<'a> {
    /// In order; the last may be that of all pools that no other chose.
    pub(super) list: Vec<Standing<'a>>,
    /// By index into [`Fleet::pools`]: index into `list`.
    pub(super) of_pool: Vec<usize>,
    /// As many of the list have opened.
    pub(super) opened: usize,
    /// What the next step of the run waits for, once the open wave has succeeded.
    pub(super) gate: Option<Hold>,
    /// Units of waves that have not opened, and were down before theirs did, no longer count against the run.
    pub(super) forgives_waiting: bool,
}

/// One wave at one moment.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    pub(super) rules: &'a strategy::Wave,
    /// Over its pools.
    pub(super) sums: Sums,
    /// Its pools that have eligible units.
    pub(super) pools: u32,
    /// It has succeeded: its units are caught up from now on.
    pub(super) succeeded: bool,
    /// All its reachable units were done once since: who comes now was away.
    pub(super) finished: bool,
    /// The first of its pools that failed, or whose start is refused, if pools are the units.
    failed: Option<Name>,
}

impl<'a> Waves<'a> {
    /// Assigns every pool to its wave.
    pub(super) fn assign(input: &Input<'a>, fleet: &Fleet<'_>, run: &mut Run) -> Self {
        let rules = &input.strategy.waves;
        let last = rules.named().len();
        // A run's strategy is fixed. Should it differ from what was begun by all the same, that part begins anew: carefully.
        let same = run.waves.iter().enumerate().take_while(|(at, wave)| *wave.name == *rules.at(*at).name).count();
        run.waves.truncate(same);
        let mut of_pool = vec![last; fleet.pools.len()];
        if last > 0 {
            choose_pools(input, fleet, run, &mut of_pool);
        }
        // The rest is a wave only where there is one.
        let rest = last == 0 || of_pool.contains(&last) || run.wave(&rules.at(last).name).is_some();
        let waves = last + usize::from(rest);
        let mut list: Vec<_> = (0..waves).map(|at| Standing::new(rules.at(at), run)).collect();
        for ((_, sums), wave) in fleet.pools.iter().zip(&of_pool) {
            list[*wave].add(sums);
        }
        if input.unit_kind == UnitKind::Pool {
            for (standing, failed) in list.iter_mut().zip(failed_pools(fleet, &of_pool, waves)) {
                standing.failed = failed.first().map(|pool| (*pool).clone());
            }
            for unit in fleet.units.iter().filter(|unit| unit.is_refused()) {
                list[of_pool[unit.pool]].failed.get_or_insert_with(|| unit.unit.node.pool.clone());
            }
        }
        let opened = if run.completed.is_some() { waves } else { run.waves.len().min(waves) };
        Self { list, of_pool, opened, gate: None, forgives_waiting: false }
    }

    /// Opens waves and sees them succeed.
    pub(super) fn advance(&mut self, input: &Input<'_>, fleet: &Fleet<'_>, run: &mut Run, revisit: &mut Revisit) {
        // Of which waves there are nobody knows until the strategy is there.
        let has_rules = !matches!(input.held, Some(Hold::InvalidStrategy { .. }));
        if has_rules && input.target.observed && run.halt.is_none() && run.completed.is_none() {
            let ended = self.walk(input, fleet, run, revisit);
            if ended {
                run.completed = Some(input.now);
            }
        }
        self.opened = if run.completed.is_some() { self.list.len() } else { run.waves.len().min(self.list.len()) };
        let notes_absence = input.unit_kind == UnitKind::Pool && input.strategy.catch_up == CatchUp::Never;
        for (at, standing) in self.list.iter_mut().enumerate() {
            let was_finished = standing.finished;
            standing.look(run);
            if let Some(wave) = run.waves.get_mut(at)
                && notes_absence
                && standing.finished
                && !was_finished
            {
                let is_away = |unit: &&Assessed<'_>| {
                    let is_down = unit.unit.node.link.ready_since().is_none();
                    self.of_pool[unit.pool] == at && is_down && unit.stage != Stage::AtTarget
                };
                wave.missed = fleet.units.iter().filter(is_away).map(|unit| unit.unit.node.pool.to_string()).collect();
            }
        }
        let since = run.waves.last().and_then(|wave| wave.opened);
        self.forgives_waiting = self.opened < self.list.len()
            && since.is_some_and(|opened| revisit.due(opened + input.strategy.progress_deadline));
    }

    /// Goes through the waves in order, as far as it gets. Whether it got to the end.
    fn walk(&mut self, input: &Input<'_>, fleet: &Fleet<'_>, run: &mut Run, revisit: &mut Revisit) -> bool {
        let stopped = candidates::stop(input, run).is_some();
        // Who resumed takes what failed as it is.
        let accepted = run.mark.failed > 0;
        for at in 0..self.list.len() {
            if at >= run.waves.len() {
                self.gate = approval(input, self.list[at].rules, Point::BeforeWave);
                if self.gate.is_some() || (stopped && at > 0) {
                    return false;
                }
                run.waves.push(self.open(at, input, fleet, run));
            }
            let (standing, wave) = (&self.list[at], &mut run.waves[at]);
            if wave.succeeded.is_none() {
                let promoted = promoted(input, &self.list).is_some_and(|through| at <= through);
                let succeeded =
                    standing.is_proved(input, wave, accepted, promoted) && standing.has_succeeded(input, revisit);
                if !succeeded && (stopped || !standing.is_passed_over(input, wave, revisit)) {
                    return false;
                }
                wave.succeeded = Some(input.now);
                wave.inconclusive = !succeeded;
            }
            if wave.finished.is_none() && standing.sums.undone == 0 {
                wave.finished = Some(input.now);
            }
            self.gate = soak(input, &self.list, at, run, revisit)
                .or_else(|| approval(input, self.list[at].rules, Point::AfterWave));
            if self.gate.is_some() {
                return false;
            }
        }
        true
    }

    fn open(&self, at: usize, input: &Input<'_>, fleet: &Fleet<'_>, run: &Run) -> Wave {
        let rules = self.list[at].rules;
        let mine = fleet.pools.iter().zip(&self.of_pool).filter(|(_, wave)| **wave == at);
        let mut pools: Vec<String> = Vec::new();
        if rules.chooses() {
            pools.extend(mine.map(|((pool, _), _)| pool.to_string()));
            if pools.is_empty() {
                // Those that are refused prove nothing, as those that leave later; who pins all knows what he does.
                let begun: Vec<&String> = run.waves.iter().flat_map(|wave| &wave.pools).collect();
                let refused = input.units.iter().filter(|unit| !unit.eligible && unit.refused.is_some());
                let names =
                    refused.map(|unit| &unit.node.pool).filter(|pool| begun.iter().all(|known| ***known != ***pool));
                let mine = names.filter(|pool| rules.matches(pool, input.facts.labels(pool)));
                pools.extend(mine.map(ToString::to_string));
            }
            pools.sort_unstable();
        }
        let name = rules.name.to_string();
        Wave {
            name,
            pools,
            opened: Some(input.now),
            succeeded: None,
            finished: None,
            inconclusive: false,
            missed: Vec::new(),
        }
    }

    /// The wave that is open: the last that has opened, or the first if none has.
    pub(super) fn current(&self) -> &Standing<'a> {
        &self.list[self.opened.saturating_sub(1)]
    }

    /// Why units of a pool wait for their wave; `None` when it has opened.
    pub(super) fn hold(&self, pool: usize) -> Option<Hold> {
        let at = self.of_pool[pool];
        match (at.cmp(&self.opened), &self.gate) {
            (Ordering::Less, _) => None,
            (Ordering::Equal, Some(gate)) => Some(gate.clone()),
            // The first wave opens with the run: without a gate it waits for what the run as a whole waits for.
            (Ordering::Equal | Ordering::Greater, _) => {
                let before = &self.list[at.saturating_sub(1)];
                let failed = self.list[..at].iter().rev().find_map(|wave| wave.failed.clone());
                Some(Hold::EarlierWave { wave: before.rules.name.clone(), failed })
            }
        }
    }

    /// Whether all reachable units of this pool's wave were done once: what comes now was away.
    pub(super) fn is_finished(&self, pool: usize) -> bool {
        self.list[self.of_pool[pool]].finished
    }

    /// Whether a unit was away while its wave ran. Of nodes that is what turns up later; a pool may also be new, or was pinned: those
    /// that were away are noted.
    pub(super) fn missed(&self, input: &Input<'_>, run: &Run, unit: &Assessed<'_>) -> bool {
        match input.unit_kind {
            UnitKind::Node => self.is_finished(unit.pool),
            UnitKind::Pool => run.waves.iter().flat_map(|wave| &wave.missed).any(|pool| **pool == *unit.unit.node.pool),
        }
    }

    /// Whether this pool belongs to the wave that is open.
    pub(super) fn is_current(&self, pool: usize) -> bool {
        self.of_pool[pool] == self.opened.saturating_sub(1)
    }

    /// Units that are down and count against the run (rule 1): those of waves that wait are forgiven after a while, else
    /// broken units that may not start yet would block healthy ones for ever.
    pub(super) fn down(&self, all: &Sums) -> u32 {
        if !self.forgives_waiting {
            return all.down;
        }
        all.down - self.list[self.opened..].iter().map(|standing| standing.sums.idle_down).sum::<u32>()
    }
}

impl<'a> Standing<'a> {
    fn new(rules: &'a strategy::Wave, run: &Run) -> Self {
        let mut standing =
            Self { rules, sums: Sums::default(), pools: 0, succeeded: false, finished: false, failed: None };
        standing.look(run);
        standing
    }

    /// Takes over what the run remembers of it.
    fn look(&mut self, run: &Run) {
        let known = run.wave(&self.rules.name);
        self.succeeded = run.completed.is_some() || known.is_some_and(|wave| wave.succeeded.is_some());
        self.finished = run.completed.is_some() || known.is_some_and(|wave| wave.finished.is_some());
    }

    fn add(&mut self, pool: &Sums) {
        self.sums.add(pool);
        self.pools += u32::from(pool.eligible > 0);
    }

    /// As many of its units may be down.
    pub(super) fn allowed(&self, input: &Input<'_>) -> u32 {
        self.rules.max_unavailable.unwrap_or(input.strategy.max_unavailable).allowed(self.sums.reachable)
    }

    /// Too few units for any failure to be tolerated (rule 3).
    pub(super) const fn is_small(&self, input: &Input<'_>) -> bool {
        self.sums.eligible < input.strategy.min_observed
    }

    /// As many units must have settled before it succeeds, if its strategy says so.
    pub(super) fn wanted(&self) -> Option<u32> {
        self.rules.min_updated.map(|amount| amount.tolerated(self.sums.reachable).min(self.sums.eligible))
    }

    /// It had pools when it opened, and all of them left before it succeeded: pinned, refused or removed.
    pub(super) fn is_left(&self, input: &Input<'_>, wave: &Wave) -> bool {
        input.unit_kind == UnitKind::Pool && self.sums.eligible == 0 && !wave.pools.is_empty()
    }

    /// Pools that were broken before, those that may fail, and those that left prove nothing: where pools are the units one has settled,
    /// unless there never was one, or a user took those that failed as they are, or promoted a wave that none is left of.
    fn is_proved(&self, input: &Input<'_>, wave: &Wave, accepted: bool, promoted: bool) -> bool {
        let has_none = self.sums.eligible == 0 && (promoted || !self.is_left(input, wave));
        input.unit_kind == UnitKind::Node || self.sums.settled > 0 || has_none || accepted
    }

    /// Rule 3: enough of its reachable units are settled, or all have a verdict within the allowance (more would have halted).
    fn has_succeeded(&self, input: &Input<'_>, revisit: &mut Revisit) -> bool {
        let sums = &self.sums;
        let seen = sums.settled + sums.failed + sums.pre_existing;
        let enough = self.wanted().map_or(sums.undone == 0, |wanted| sums.settled >= wanted);
        revisit.due(input.view.since + input.timing.reachable_after)
            && enough
            && !(self.is_small(input) && sums.failed > 0)
            && seen >= needed(input, sums)
    }

    /// Too few of its units are reachable at its deadline, and its strategy goes on.
    fn is_passed_over(&self, input: &Input<'_>, wave: &Wave, revisit: &mut Revisit) -> bool {
        self.rules.on_inconclusive == OnInconclusive::Proceed
            && self.sums.undone == 0
            && (self.sums.reachable < needed(input, &self.sums) || self.is_left(input, wave))
            && wave.opened.is_some_and(|opened| revisit.due(opened + input.strategy.progress_deadline))
    }
}

/// What has begun stays; then each wave in order takes what matches, by name, up to its limit; the rest is the rest.
fn choose_pools(input: &Input<'_>, fleet: &Fleet<'_>, run: &Run, of_pool: &mut [usize]) {
    let rules = &input.strategy.waves;
    let rest = rules.named().len();
    let mut by_name: Vec<(&Name, usize)> = fleet.pools.iter().enumerate().map(|(at, (name, _))| (name, at)).collect();
    by_name.sort_unstable();
    let mut free = vec![true; of_pool.len()];
    for (at, wave) in rules.named().iter().enumerate() {
        for pool in run.wave(&wave.name).map_or(&[][..], |begun| &begun.pools) {
            if let Ok(found) = by_name.binary_search_by(|(name, _)| (***name).cmp(pool)) {
                let pool = by_name[found].1;
                (of_pool[pool], free[pool]) = (at, false);
            }
        }
    }
    for (at, wave) in rules.named().iter().enumerate().filter(|(_, wave)| run.wave(&wave.name).is_none()) {
        let mine: Vec<usize> = by_name
            .iter()
            .filter(|(name, pool)| {
                free[*pool] && fleet.pools[*pool].1.eligible > 0 && wave.matches(name, input.facts.labels(name))
            })
            .map(|(_, pool)| *pool)
            .collect();
        let count = u32::try_from(mine.len()).unwrap_or(u32::MAX);
        let most = wave.max_pools.map_or(count, |amount| amount.allowed(count));
        for pool in mine.into_iter().take(most as usize) {
            (of_pool[pool], free[pool]) = (at, false);
        }
    }
    debug_assert!(of_pool.iter().all(|wave| *wave <= rest), "every pool has a wave");
}

/// Of each wave the pools in which a unit failed, by name.
pub(super) fn failed_pools<'f>(fleet: &'f Fleet<'_>, of_pool: &[usize], waves: usize) -> Vec<Vec<&'f Name>> {
    let mut failed = vec![Vec::new(); waves];
    for ((name, sums), wave) in fleet.pools.iter().zip(of_pool) {
        if sums.failed > 0 {
            failed[*wave].push(name);
        }
    }
    failed.iter_mut().for_each(|pools| pools.sort_unstable());
    failed
}

/// What a human has to say about a wave, as long as nobody said yes. Of the first revision that a target ever had there is
/// nothing to be said: every unit has it.
fn approval(input: &Input<'_>, rules: &strategy::Wave, point: Point) -> Option<Hold> {
    let asked = match point {
        Point::BeforeWave => rules.approval == Approval::BeforeWave,
        Point::AfterWave => rules.approval == Approval::AfterWave,
    };
    let wave = rules.name.clone();
    match input.facts.decision(&wave, point) {
        _ if !asked || input.target.first => None,
        None => Some(Hold::Approval { wave, point }),
        Some(decided) if decided.approved => None,
        Some(decided) => Some(Hold::Rejected { wave, point, approver: decided.approver.clone() }),
    }
}

/// Rule 3: from the sighting of success on this revision; a promotion skips the rest of it, a rollback all (rule 12). What
/// never had another revision needs none.
fn soak(input: &Input<'_>, list: &[Standing<'_>], at: usize, run: &Run, revisit: &mut Revisit) -> Option<Hold> {
    let rules = list[at].rules;
    let until = run.waves[at].succeeded? + rules.soak;
    let over = input.facts.is_rollback
        || input.target.first
        || promoted(input, list).is_some_and(|through| at <= through)
        || revisit.due(until);
    (!over).then(|| Hold::Soak { wave: rules.name.clone(), until })
}

/// The place of the last wave that a user promoted.
fn promoted(input: &Input<'_>, list: &[Standing<'_>]) -> Option<usize> {
    list.iter().position(|standing| *standing.rules.name == *input.control.promoted_through)
}
