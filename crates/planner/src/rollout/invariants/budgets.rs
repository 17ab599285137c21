//! Rule 1, for every scope: run, catch-up, waves, pools.

use std::collections::{HashMap, HashSet};

use super::super::{Input, Outcome, Plan, Track, Unit, UnitKind};
use super::waves::{has_succeeded, is_forgiven, is_open, place};
use super::{Broken, count, is_available, is_reachable, live};
use crate::fleet::Uid;
use crate::strategy::Amount;

/// A part of the run with a budget of its own.
struct Scope<'s> {
    name: String,
    amount: Amount,
    /// Whether a pool belongs to it.
    has: &'s dyn Fn(&str) -> bool,
    /// Whether the percentage is of all units of the run.
    of_all: bool,
}

/// Rule 1: in every scope healthy units start only while down + starts ≤ allowed over its reachable units; units that were
/// down already are under way in at most `allowed`.
pub fn starts_within_budgets(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    if plan.steps.is_empty() {
        return Ok(());
    }
    let strategy = input.strategy;
    let scope = |name: &str, amount, has: &dyn Fn(&str) -> bool, of_all| {
        Scope { name: name.to_owned(), amount, has, of_all }.check(input, plan)
    };
    scope("run", strategy.max_unavailable, &|_| true, true)?;
    let caught_up = |pool: &str| has_succeeded(plan, place(input, plan, pool));
    scope("catch-up", strategy.catch_up_max_unavailable, &caught_up, true)?;
    for at in (0..=strategy.waves.named().len()).filter(|at| is_open(plan, *at)) {
        let rules = strategy.waves.at(at);
        let amount = rules.max_unavailable.unwrap_or(strategy.max_unavailable);
        scope(&format!("wave {}", rules.name), amount, &|pool| place(input, plan, pool) == at, false)?;
    }
    if let Some(amount) = strategy.max_unavailable_per_pool {
        for step in &plan.steps {
            scope(&format!("pool {}", step.pool), amount, &|pool| *pool == *step.pool, false)?;
        }
    }
    Ok(())
}

impl Scope<'_> {
    fn check(&self, input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
        let Self { name, amount, has, of_all } = self;
        let all = || input.units.iter().filter(|unit| unit.eligible);
        let mine = || all().filter(|unit| has(&unit.node.pool));
        let base = all().filter(|unit| (*of_all || has(&unit.node.pool)) && is_reachable(input, unit)).count();
        let allowed = amount.allowed(count(base)) as usize;
        let open = |uid: Uid| plan.run.track(uid).filter(|track| track.is_under_way());
        let is_down = |unit: &&Unit<'_>| {
            let frees_its_slot = input.unit_kind == UnitKind::Pool;
            let known_broken = |track: &Track| {
                track.outcome == Outcome::PreExisting || (frees_its_slot && track.outcome == Outcome::Failed)
            };
            let available = live(unit).is_some_and(|pod| is_available(input, pod));
            let idle = is_reachable(input, unit)
                && !available
                && !plan.run.track(unit.node.uid).is_some_and(known_broken)
                && !is_forgiven(input, plan, &unit.node.pool);
            open(unit.node.uid).is_some() || idle
        };
        let down: HashSet<Uid> = mine().filter(is_down).map(|unit| unit.node.uid).collect();
        let pools: HashMap<Uid, &str> = all().map(|unit| (unit.node.uid, &*unit.node.pool)).collect();
        let of_track = |uid: Uid| pools.get(&uid).copied().or_else(|| open(uid).map(|track| &*track.pool));
        let under_way = || plan.run.open_nodes().filter(|uid| of_track(*uid).is_some_and(has));
        let away = under_way().filter(|uid| !pools.contains_key(uid)).count();
        let steps = || plan.steps.iter().filter(|step| has(&step.pool));
        let healthy = steps().filter(|step| !step.was_down);
        let adding = healthy.clone().filter(|step| !down.contains(&step.node_uid)).count();
        let total = down.len() + away + adding;
        if healthy.clone().next().is_some() && total > allowed {
            return Err(format!("budget of {name}: {total} down with the starts, {allowed} allowed over {base} units"));
        }
        let were_down = under_way()
            .filter_map(open)
            .filter(|track| track.activation.was_down && !track.activation.inherited)
            .count();
        let restarted = steps().filter(|step| step.was_down).count();
        if restarted > 0 && were_down + restarted > allowed {
            let under_way = were_down + restarted;
            return Err(format!("budget of {name}: {under_way} units that were down are under way, {allowed} allowed"));
        }
        Ok(())
    }
}
