//! Rule 1, in every scope, and the number of pools under change.

use std::collections::BTreeSet;

use planner::fleet::Name;
use planner::strategy::Amount;

use super::{Flight, Scene, Witness, waves};
use crate::cluster::SetId;

/// A part of a fleet with a budget of its own.
struct Scope<'s> {
    called: String,
    amount: Amount,
    /// Whether a pool belongs to it.
    has: &'s dyn Fn(&Name) -> bool,
    /// Whether broken units of a pool no longer count: their wave has waited for longer than the open one may take.
    forgives: &'s dyn Fn(&Name) -> bool,
    /// The amount is of all units that are reachable, not of the scope's.
    of_all: bool,
}

impl Witness {
    pub(super) fn judge_budgets(&self, scene: &Scene<'_>) -> Result<(), String> {
        let strategy = scene.strategy;
        let wave_of = self.assign(scene);
        let opened = self.runs.get(&scene.set).and_then(|progress| progress.opened.last());
        let is_late = opened.is_some_and(|opened| *opened + strategy.progress_deadline <= scene.now);
        let forgives = |pool: &Name| is_late && wave_of(pool) >= scene.run.waves().len();
        let judge = |called: String, amount, has: &dyn Fn(&Name) -> bool, of_all| {
            self.judge_scope(scene, &Scope { called, amount, has, forgives: &forgives, of_all })
        };
        judge("run".to_owned(), strategy.max_unavailable, &|_| true, true)?;
        let caught_up = |pool: &Name| waves::has_succeeded(scene.run, wave_of(pool));
        judge("catch-up".to_owned(), strategy.catch_up_max_unavailable, &caught_up, true)?;
        for at in 0..=strategy.waves.named().len() {
            let rules = strategy.waves.at(at);
            let amount = rules.max_unavailable.unwrap_or(strategy.max_unavailable);
            judge(format!("wave {}", rules.name), amount, &|pool| wave_of(pool) == at, false)?;
            if let Some(limit) = rules.max_concurrent_pools {
                self.judge_crowd(scene, limit, &|pool| wave_of(pool) == at)?;
            }
        }
        if let Some(per_pool) = strategy.max_unavailable_per_pool {
            let pools: BTreeSet<_> = scene.steps.iter().map(|step| &step.pool).collect();
            for of in pools {
                judge(format!("pool {of}"), per_pool, &|pool| pool == of, false)?;
            }
        }
        Ok(())
    }

    fn judge_scope(&self, scene: &Scene<'_>, scope: &Scope<'_>) -> Result<(), String> {
        let Scene { set, now, steps, .. } = *scene;
        let Scope { called, amount, has, forgives, of_all } = scope;
        if !steps.iter().any(|step| has(&step.pool)) {
            return Ok(());
        }
        let reachable = || self.nodes.iter().filter(|(_, node)| self.is_reachable(node, now));
        let base = reachable().filter(|(_, node)| *of_all || has(&node.pool)).count();
        let allowed = amount.allowed(u32::try_from(base).unwrap_or(u32::MAX)) as usize;
        let mine: Vec<&Name> = reachable().filter(|(_, node)| has(&node.pool)).map(|(name, _)| name).collect();
        let is_new = |name: &Name| steps.iter().any(|step| step.node == *name && !step.was_down);
        let flying = || self.flying(set).filter(|(pool, _)| has(pool)).map(|(_, flight)| flight);
        let mut down: BTreeSet<&Name> = flying().map(|flight| &flight.node).collect();
        let is_forgiven = |name: &Name| self.nodes.get(name).is_some_and(|node| forgives(&node.pool));
        let broken = mine.iter().filter(|name| self.counts_as_down(scene, name) && !is_forgiven(name));
        down.extend(broken.copied());
        let healthy: Vec<_> = mine.iter().filter(|name| is_new(name)).copied().collect();
        if !healthy.is_empty() {
            down.extend(healthy);
            if down.len() > allowed {
                let names: Vec<_> = down.into_iter().cloned().collect();
                let names = crate::transcript::list(&names);
                return Err(format!("{names} are down in the {called} with the starts, {allowed} may be"));
            }
        }
        let were_down = flying().filter(|flight| !flight.healthy && flight.number == scene.number).count();
        let more = steps.iter().filter(|step| step.was_down && has(&step.pool)).count();
        if more > 0 && were_down + more > allowed {
            let under_way = were_down + more;
            return Err(format!("{under_way} units that were down are under way in the {called}, {allowed} may be"));
        }
        Ok(())
    }

    /// `maxConcurrentPools`: starts make no more pools busy than may be.
    fn judge_crowd(&self, scene: &Scene<'_>, limit: Amount, has: &dyn Fn(&Name) -> bool) -> Result<(), String> {
        let all: BTreeSet<&Name> = self.nodes.values().map(|node| &node.pool).filter(|pool| has(pool)).collect();
        let allowed = limit.allowed(u32::try_from(all.len()).unwrap_or(u32::MAX)) as usize;
        let starting: BTreeSet<&Name> = scene.steps.iter().map(|step| &step.pool).filter(|pool| has(pool)).collect();
        let mut busy: BTreeSet<&Name> = self.flying(scene.set).map(|(pool, _)| pool).filter(|pool| has(pool)).collect();
        // Pods that took the revision without us make a pool busy too.
        let on_their_own = scene.run.open_nodes().filter_map(|uid| self.nodes.values().find(|node| node.uid == uid));
        let mut all_busy = busy.clone();
        all_busy.extend(on_their_own.map(|node| &node.pool).filter(|pool| has(pool)));
        let before = all_busy.len();
        busy.extend(&starting);
        if starting.len() > allowed || busy.len() > allowed.max(before) {
            let names: Vec<_> = busy.into_iter().cloned().collect();
            let names = crate::transcript::list(&names);
            return Err(format!("pools {names} are under change with the starts, {allowed} of the wave may be"));
        }
        Ok(())
    }

    /// Restarts under way, each with the pool of its node: that may be moved meanwhile.
    fn flying(&self, set: SetId) -> impl Iterator<Item = (&Name, &Flight)> {
        let open = self.flights.iter().filter(move |((of, _), flight)| *of == set && flight.open);
        open.map(|((_, uid), flight)| {
            let node = self.nodes.get(&flight.node).filter(|node| node.uid == *uid);
            (node.map_or(&flight.pool, |node| &node.pool), flight)
        })
    }

    /// Down, and not so long that the planner may have given it up as broken before us.
    fn counts_as_down(&self, scene: &Scene<'_>, name: &Name) -> bool {
        let Scene { set, now, .. } = *scene;
        if self.ready_since(set, name).is_some() || self.accepted.contains(&(set, name.clone())) {
            return false;
        }
        let pods = || self.pods.get(&(set, name.clone())).into_iter().flatten();
        // What has the revision from an earlier run of it was down before this one.
        let is_adopted = |flight: &Flight| {
            !flight.open && flight.number != scene.number && pods().any(|pod| pod.seen.revision == *scene.revision)
        };
        let ours = self.nodes.get(name).and_then(|node| self.flights.get(&(set, node.uid)));
        if let Some(flight) = ours.filter(|flight| !is_adopted(flight)) {
            return flight.healthy;
        }
        let since = pods().map(|pod| pod.unready).max();
        since.is_none_or(|since| now.duration_since(since) < self.timing.failed_after)
    }
}
