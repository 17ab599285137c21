//! Who of the candidates starts: every budget, slow start, and the number of pools under change.

use super::candidates::{Candidate, Choice};
use super::units::{Assessed, Fleet, Sums};
use super::waves::Waves;
use super::{Hold, Input, Restart};
use crate::strategy::SlowStart;

/// Everything that limits starts, with what was started in this plan counted in.
struct Limits {
    run: Scope,
    /// Of the units whose wave has succeeded, nested in the others.
    catch_up: Scope,
    /// By index into the waves.
    waves: Vec<Scope>,
    /// By index into the fleet's pools; empty without a budget of pools.
    pools: Vec<Scope>,
    crowds: Vec<Option<Crowd>>,
    unsettled: u32,
    unsettled_may: u32,
}

/// A budget.
struct Scope {
    name: &'static str,
    allowed: u32,
    down: u32,
    unsettled_were_down: u32,
}

/// The pools of a wave under change, when their number is limited. The first of them by name go on; more than may be are
/// there only when pods took the revision without us.
struct Crowd {
    limit: u32,
    pools: Vec<usize>,
}

/// Starts what may be, in the order of the candidates; all others get a hold.
pub(super) fn start(
    input: &Input<'_>,
    fleet: &Fleet<'_>,
    waves: &Waves<'_>,
    candidates: &[Candidate<'_>],
    choice: &mut Choice,
) {
    let mut limits = Limits::new(input, fleet, waves);
    for candidate in candidates {
        let assessed = &fleet.units[candidate.at];
        if let Some(hold) = limits.refusal(waves, assessed, candidate.was_down) {
            choice.holds.push((candidate.at, hold));
            continue;
        }
        limits.start(waves, assessed, candidate.was_down);
        let node = assessed.unit.node;
        choice.steps.push(Restart {
            node: node.name.clone(),
            node_uid: node.uid,
            pool: node.pool.clone(),
            pod: candidate.pod.name.clone(),
            pod_uid: candidate.pod.uid,
            was_down: candidate.was_down,
        });
    }
    choice.down = limits.run.down;
}

/// The pools of a wave that have a restart under way, by name.
pub(super) fn busy_pools(fleet: &Fleet<'_>, waves: &Waves<'_>, wave: usize) -> Vec<usize> {
    let is_busy = |pool: &usize| waves.of_pool[*pool] == wave && fleet.pools[*pool].1.under_way > 0;
    let mut busy: Vec<usize> = (0..fleet.pools.len()).filter(is_busy).collect();
    busy.sort_unstable_by(|a, b| fleet.pools[*a].0.cmp(&fleet.pools[*b].0));
    busy
}

impl Limits {
    fn new(input: &Input<'_>, fleet: &Fleet<'_>, waves: &Waves<'_>) -> Self {
        let strategy = input.strategy;
        let (all, reachable) = (&fleet.all, fleet.all.reachable);
        let mut caught_up = Sums::default();
        waves.list.iter().filter(|wave| wave.succeeded).for_each(|wave| caught_up.add(&wave.sums));
        let per_pool = strategy.max_unavailable_per_pool;
        let of_pools = per_pool.map(|amount| {
            let scope = |sums: &Sums| Scope::new("pool", amount.allowed(sums.reachable), sums.down, sums);
            fleet.pools.iter().map(|(_, sums)| scope(sums)).collect()
        });
        let crowd = |at: usize| {
            let limit = waves.list[at].rules.max_concurrent_pools?.allowed(waves.list[at].pools);
            Some(Crowd { limit, pools: busy_pools(fleet, waves, at) })
        };
        Self {
            run: Scope::new("run", strategy.max_unavailable.allowed(reachable), waves.down(all), all),
            catch_up: Scope::new(
                "catch-up",
                strategy.catch_up_max_unavailable.allowed(reachable),
                caught_up.down,
                &caught_up,
            ),
            waves: waves
                .list
                .iter()
                .map(|wave| Scope::new("wave", wave.allowed(input), wave.sums.down, &wave.sums))
                .collect(),
            pools: of_pools.unwrap_or_default(),
            crowds: (0..waves.list.len()).map(crowd).collect(),
            unsettled: all.unsettled,
            unsettled_may: match strategy.slow_start {
                SlowStart::Doubling => strategy.min_observed.max(all.settled).max(1),
                SlowStart::None => u32::MAX,
            },
        }
    }

    fn refusal(&self, waves: &Waves<'_>, unit: &Assessed<'_>, was_down: bool) -> Option<Hold> {
        let wave = waves.of_pool[unit.pool];
        let catch_up = waves.list[wave].succeeded.then_some(&self.catch_up);
        let mut scopes =
            [Some(&self.run), catch_up, self.waves.get(wave), self.pools.get(unit.pool)].into_iter().flatten();
        let refusal = scopes.find_map(|scope| scope.refusal(unit, was_down));
        let &Self { unsettled, unsettled_may: limit, .. } = self;
        let slow = (unsettled >= limit).then_some(Hold::SlowStart { unsettled, limit });
        let crowded = || self.crowds[wave].as_ref().and_then(|crowd| crowd.refusal(unit.pool));
        refusal.or(slow).or_else(crowded)
    }

    fn start(&mut self, waves: &Waves<'_>, unit: &Assessed<'_>, was_down: bool) {
        let wave = waves.of_pool[unit.pool];
        self.unsettled += 1;
        self.run.start(unit, was_down);
        if waves.list[wave].succeeded {
            self.catch_up.start(unit, was_down);
        }
        self.waves[wave].start(unit, was_down);
        if let Some(pool) = self.pools.get_mut(unit.pool) {
            pool.start(unit, was_down);
        }
        if let Some(crowd) = self.crowds[wave].as_mut().filter(|crowd| !crowd.pools.contains(&unit.pool)) {
            crowd.pools.push(unit.pool);
        }
    }
}

impl Scope {
    const fn new(name: &'static str, allowed: u32, down: u32, sums: &Sums) -> Self {
        Self { name, allowed, down, unsettled_were_down: sums.unsettled_were_down }
    }

    /// Rule 1: healthy units start only while down + starts ≤ allowed; units that are down already add nothing, but at most
    /// `allowed` of them are under way.
    fn refusal(&self, unit: &Assessed<'_>, was_down: bool) -> Option<Hold> {
        let &Self { name: scope, allowed, down, unsettled_were_down } = self;
        if allowed == 0 {
            return Some(Hold::NoBudget { scope });
        }
        let (used, full) = if was_down {
            (unsettled_were_down, unsettled_were_down >= allowed)
        } else {
            (down, down + u32::from(!unit.down) > allowed)
        };
        full.then_some(Hold::Budget { scope, down: used, allowed })
    }

    fn start(&mut self, unit: &Assessed<'_>, was_down: bool) {
        self.down += u32::from(!unit.down);
        self.unsettled_were_down += u32::from(was_down);
    }
}

impl Crowd {
    fn refusal(&self, pool: usize) -> Option<Hold> {
        let busy = u32::try_from(self.pools.len()).unwrap_or(u32::MAX);
        let limit = self.limit;
        let goes_on = self.pools.iter().take(limit as usize).any(|known| *known == pool);
        (!goes_on && (busy >= limit || self.pools.contains(&pool))).then_some(Hold::ConcurrentPools { busy, limit })
    }
}
