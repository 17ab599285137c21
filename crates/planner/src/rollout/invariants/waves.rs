//! Rules 3 and 11: waves in their order, each pool in one of them, and nothing before its gates are open.

use std::collections::HashSet;

use super::super::{Input, Met, Plan, Point};
use super::Broken;
use crate::strategy::{Approval, CatchUp, Effect};

/// The place of a pool's wave: that which had it when it opened. What no open wave has is in the rest, or in one that waits.
pub(super) fn place(input: &Input<'_>, plan: &Plan, pool: &str) -> usize {
    let begun = plan.run.waves().iter().position(|wave| wave.pools.iter().any(|known| known == pool));
    begun.unwrap_or(input.strategy.waves.named().len())
}

/// Whether the wave at this place has opened.
pub(super) fn is_open(plan: &Plan, place: usize) -> bool {
    plan.run.completed_at().is_some() || place < plan.run.waves().len()
}

/// Whether the wave at this place has succeeded.
pub(super) fn has_succeeded(plan: &Plan, place: usize) -> bool {
    plan.run.completed_at().is_some() || plan.run.waves().get(place).is_some_and(|wave| wave.succeeded.is_some())
}

/// Whether a unit that is down in a wave that waits no longer counts against the run.
pub(super) fn is_forgiven(input: &Input<'_>, plan: &Plan, pool: &str) -> bool {
    let opened = plan.run.waves().last().and_then(|wave| wave.opened);
    !is_open(plan, place(input, plan, pool))
        && opened.is_some_and(|opened| opened + input.strategy.progress_deadline <= input.now)
}

/// Waves open in the strategy's order, each after the one before it has succeeded, soaked and been approved; no pool is in
/// two; nothing starts in a wave that has not opened.
pub fn waves_open_in_order(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    let (rules, waves) = (&input.strategy.waves, plan.run.waves());
    let first = input.target.first;
    let mut pools = HashSet::new();
    for (at, wave) in waves.iter().enumerate() {
        if wave.name != *rules.at(at).name {
            return Err(format!("wave {} opened in the place of {}", wave.name, rules.at(at).name));
        }
        if let Some(twice) = wave.pools.iter().find(|pool| !pools.insert(*pool)) {
            return Err(format!("pool {twice} is in two waves"));
        }
        // The first revision that a target ever had asks nobody.
        let opens_now = wave.opened == Some(input.now) && !first;
        let approved = |point, name: &str| {
            let decided = input.facts.approvals.iter().find(|decided| *decided.wave == *name && decided.point == point);
            decided.is_some_and(|decided| decided.approved)
        };
        if opens_now && rules.at(at).approval == Approval::BeforeWave && !approved(Point::BeforeWave, &wave.name) {
            return Err(format!("wave {} opens without approval", wave.name));
        }
        let Some((before, of_before)) = at.checked_sub(1).map(|before| (&waves[before], rules.at(before))) else {
            continue;
        };
        let Some(succeeded) = before.succeeded else {
            return Err(format!("wave {} is open before {} has succeeded", wave.name, before.name));
        };
        let promoted = (before_or_at(input, at - 1) || input.facts.is_rollback) && succeeded <= input.now;
        if opens_now && !promoted && succeeded + of_before.soak > input.now {
            return Err(format!("wave {} opens before {} has soaked", wave.name, before.name));
        }
        if opens_now && of_before.approval == Approval::AfterWave && !approved(Point::AfterWave, &before.name) {
            return Err(format!("wave {} opens before {} is approved", wave.name, before.name));
        }
    }
    match plan.steps.iter().find(|step| !is_open(plan, place(input, plan, &step.pool))) {
        Some(early) => Err(format!("{} starts, but the wave of pool {:?} has not opened", early.node, early.pool)),
        None => Ok(()),
    }
}

/// `maxConcurrentPools`: starts make no more pools of a wave busy than may be, and go to no more than that.
pub fn pools_take_turns(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    for at in 0..=input.strategy.waves.named().len() {
        let Some(amount) = input.strategy.waves.at(at).max_concurrent_pools else { continue };
        let is_mine = |pool: &&str| place(input, plan, pool) == at;
        let units = || input.units.iter().filter(|unit| unit.eligible);
        let all: HashSet<&str> = units().map(|unit| &*unit.node.pool).filter(is_mine).collect();
        let pool_of = |uid| units().find(|unit| unit.node.uid == uid).map(|unit| &*unit.node.pool);
        let away = |uid| plan.run.track(uid).map(|track| &*track.pool);
        let mut busy: HashSet<&str> =
            plan.run.open_nodes().filter_map(|uid| pool_of(uid).or_else(|| away(uid))).filter(is_mine).collect();
        let starting: HashSet<&str> = plan.steps.iter().map(|step| &*step.pool).filter(is_mine).collect();
        let limit = amount.allowed(super::count(all.len())) as usize;
        let before = busy.len();
        busy.extend(&starting);
        if starting.len() > limit || busy.len() > limit.max(before) {
            return Err(format!("{} pools are busy and {} start, {limit} may be", busy.len(), starting.len()));
        }
    }
    Ok(())
}

/// Nothing starts in a pool while a window denies it or another one would have to be open, or before what goes first.
pub fn starts_have_their_turn(input: &Input<'_>, plan: &Plan) -> Result<(), Broken> {
    let (strategy, facts) = (input.strategy, &input.facts);
    for step in &plan.steps {
        let labels = facts.labels(&step.pool);
        let windows = || strategy.windows.iter().filter(|window| window.is_about(labels));
        let of = |effect| windows().filter(move |window| window.effect() == effect);
        let at = place(input, plan, &step.pool);
        let finished =
            plan.run.completed_at().is_some() || plan.run.waves().get(at).is_some_and(|wave| wave.finished.is_some());
        let bounded = of(Effect::Allow).next().is_some() && !(finished && strategy.catch_up == CatchUp::Always);
        let denied = of(Effect::Deny).any(|window| window.contains(input.now));
        let allowed = of(Effect::Allow).any(|window| window.contains(input.now));
        if !facts.is_rollback && (denied || (bounded && !allowed)) {
            return Err(format!("{} starts, but no window of pool {:?} is open", step.node, step.pool));
        }
        let unmet = |(at, dependency)| facts.met(at, dependency, &step.pool) != Met::Yes;
        if strategy.depends_on.iter().enumerate().any(unmet) {
            return Err(format!("{} starts before what pool {:?} depends on", step.node, step.pool));
        }
    }
    Ok(())
}

/// Whether the wave at this place is promoted.
fn before_or_at(input: &Input<'_>, place: usize) -> bool {
    let all = 0..=input.strategy.waves.named().len();
    let through = all.into_iter().find(|at| *input.strategy.waves.at(*at).name == *input.control.promoted_through);
    through.is_some_and(|through| place <= through)
}
