//! Waves in their order: each opens when the one before it is done, has soaked and is approved, with the pools that are its
//! own; and nothing starts in a pool before its turn.
//!
//! "Done" is judged from outside, and earlier rather than later: a unit is done once it has the revision and no restart is
//! under way on it, or once its restart came to an end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use planner::fleet::{Name, Uid};
use planner::rollout::{Met, Point, Run};
use planner::strategy::{Approval, CatchUp, Effect, OnInconclusive, Scope};

use super::{Scene, Witness};

/// How far a run is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    number: i64,
    /// Units that were done once.
    done: BTreeSet<Uid>,
    /// When each wave was done first.
    waves: BTreeMap<usize, Timestamp>,
    /// When each wave opened.
    pub(super) opened: Vec<Timestamp>,
    completed: bool,
}

/// Whether a run says that the wave at this place has succeeded.
pub(super) fn has_succeeded(run: &Run, at: usize) -> bool {
    run.completed_at().is_some() || run.waves().get(at).is_some_and(|wave| wave.succeeded.is_some())
}

impl Witness {
    /// The wave of each pool: those that a wave had when it opened stay with it, the others belong to the first that waits
    /// and takes them.
    pub(super) fn assign(&self, scene: &Scene<'_>) -> impl Fn(&Name) -> usize + use<> {
        let rules = &scene.strategy.waves;
        let rest = rules.named().len();
        let mut of: BTreeMap<Name, usize> = BTreeMap::new();
        for (at, wave) in scene.run.waves().iter().enumerate() {
            of.extend(wave.pools.iter().map(|pool| (Name::from(pool.as_str()), at)));
        }
        for at in scene.run.waves().len()..rest {
            let free = self.pools_for(scene, at, &of);
            of.extend(free.into_iter().map(|pool| (pool, at)));
        }
        move |pool| of.get(pool).copied().unwrap_or(rest)
    }

    /// The pools that a wave takes when it opens, by name, of those that have nodes and no earlier wave has.
    fn pools_for(&self, scene: &Scene<'_>, at: usize, taken: &BTreeMap<Name, usize>) -> Vec<Name> {
        let rules = scene.strategy.waves.at(at);
        let labels = |pool: &Name| scene.labels.iter().find(|known| known.pool == *pool).map(|known| &*known.labels);
        let pools: BTreeSet<&Name> = self.nodes.values().map(|node| &node.pool).collect();
        let mine = pools.into_iter().filter(|pool| {
            let chosen = rules.pools.contains(pool);
            let selector = rules.pool_selector.as_ref();
            !taken.contains_key(*pool)
                && (chosen || selector.is_some_and(|selector| selector.matches(labels(pool).unwrap_or_default())))
        });
        let mut mine: Vec<Name> = mine.cloned().collect();
        if let Some(most) = rules.max_pools {
            mine.truncate(most.allowed(u32::try_from(mine.len()).unwrap_or(u32::MAX)) as usize);
        }
        mine
    }

    /// Judges what has opened since the last plan, and whether what completed may be.
    pub(super) fn judge_waves(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let mut progress =
            self.runs.remove(&scene.set).filter(|known| known.number == scene.number).unwrap_or_default();
        progress.number = scene.number;
        // A process that was killed may have forgotten the last.
        progress.opened.truncate(scene.run.waves().len());
        self.note_done(scene, &mut progress);
        self.note_waves(scene, &mut progress);
        let mut judged = Ok(());
        for at in progress.opened.len()..scene.run.waves().len() {
            progress.opened.push(scene.now);
            judged = judged.and_then(|()| self.judge_opening(scene, &progress, at));
            self.note_waves(scene, &mut progress);
        }
        let completed = scene.run.completed_at().is_some();
        if completed && !progress.completed && judged.is_ok() {
            judged = judge_completion(scene, &progress);
        }
        progress.completed = completed;
        self.runs.insert(scene.set, progress);
        judged
    }

    fn note_done(&self, scene: &Scene<'_>, progress: &mut Progress) {
        for (name, node) in &self.nodes {
            let flight = self.flights.get(&(scene.set, node.uid));
            let flight = flight.filter(|flight| flight.open || flight.revision == *scene.revision);
            let pods = self.pods.get(&(scene.set, name.clone()));
            let has_it = pods.into_iter().flatten().any(|pod| pod.seen.revision == *scene.revision);
            if flight.map_or(has_it, |flight| !flight.open) {
                progress.done.insert(node.uid);
            }
        }
    }

    /// Waves that have opened and are done.
    fn note_waves(&self, scene: &Scene<'_>, progress: &mut Progress) {
        let wave_of = self.assign(scene);
        for at in 0..progress.opened.len() {
            if !progress.waves.contains_key(&at) && self.is_done(scene, progress, at, &wave_of) {
                progress.waves.insert(at, scene.now);
            }
        }
    }

    fn is_done(&self, scene: &Scene<'_>, progress: &Progress, at: usize, wave_of: &dyn Fn(&Name) -> usize) -> bool {
        let rules = scene.strategy.waves.at(at);
        let mine = || self.nodes.values().filter(|node| wave_of(&node.pool) == at);
        let reachable = || mine().filter(|node| self.is_reachable(node, scene.now));
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (units, done) =
            (count(mine().count()), count(mine().filter(|node| progress.done.contains(&node.uid)).count()));
        let all_done = reachable().all(|node| progress.done.contains(&node.uid));
        let wanted = rules.min_updated.map(|amount| amount.tolerated(count(reachable().count())).min(units));
        let needed = scene.strategy.min_observed.max(1).min(units);
        let has_succeeded = done >= needed && wanted.map_or(all_done, |wanted| done >= wanted);
        let deadline = progress.opened[at] + scene.strategy.progress_deadline;
        let is_inconclusive = count(reachable().count()) < needed && all_done && deadline <= scene.now;
        has_succeeded || (is_inconclusive && rules.on_inconclusive == OnInconclusive::Proceed)
    }

    fn judge_opening(&self, scene: &Scene<'_>, progress: &Progress, at: usize) -> Result<(), String> {
        let (rules, wave) = (scene.strategy.waves.at(at), &scene.run.waves()[at]);
        if wave.name != *rules.name {
            return Err(format!("wave {} opens where {} should", wave.name, rules.name));
        }
        if rules.chooses() {
            let earlier = &scene.run.waves()[..at];
            let taken = earlier.iter().flat_map(|wave| &wave.pools).map(|pool| (pool.as_str().into(), 0)).collect();
            let pools = self.pools_for(scene, at, &taken);
            if !wave.pools.iter().map(String::as_str).eq(pools.iter().map(|pool| &**pool)) {
                return Err(format!("wave {} opens with pools {:?}, its own are {pools:?}", wave.name, wave.pools));
            }
        }
        if scene.first {
            return Ok(());
        }
        if let Some(before) = at.checked_sub(1) {
            judge_gone_on(scene, progress, before)?;
        }
        let asked = rules.approval == Approval::BeforeWave;
        if asked && !is_approved(scene, &rules.name, Point::BeforeWave) {
            return Err(format!("wave {} opens without approval", wave.name));
        }
        Ok(())
    }

    /// Each start has its turn: its wave is open, its windows are, and what goes first is up to date.
    pub(super) fn judge_turns(&self, scene: &Scene<'_>) -> Result<(), String> {
        let wave_of = self.assign(scene);
        let Scene { strategy, run, .. } = scene;
        for step in scene.steps {
            let (at, pool) = (wave_of(&step.pool), &step.pool);
            let completed = run.completed_at().is_some();
            if at >= run.waves().len() && !completed {
                return Err(format!("{} is restarted, and the wave of pool {pool} has not opened", step.node));
            }
            let finished = completed || run.waves().get(at).is_some_and(|wave| wave.finished.is_some());
            let labels = scene.labels.iter().find(|known| known.pool == *pool).map_or(&[][..], |known| &known.labels);
            let windows = |effect| {
                strategy.windows.iter().filter(move |window| window.effect() == effect && window.is_about(labels))
            };
            let denied = windows(Effect::Deny).any(|window| window.contains(scene.now));
            let passes = windows(Effect::Allow).next().is_none() || (finished && strategy.catch_up == CatchUp::Always);
            let allowed = passes || windows(Effect::Allow).any(|window| window.contains(scene.now));
            if (denied || !allowed) && !scene.is_rollback {
                return Err(format!("{} is restarted outside of the windows of pool {pool}", step.node));
            }
            for (at, dependency) in strategy.depends_on.iter().enumerate() {
                let progress = &scene.dependencies[at];
                let met = match dependency.scope {
                    Scope::AllPools => progress.everywhere,
                    Scope::SamePool => {
                        let known = progress.pools.iter().find(|(known, _)| known == pool);
                        known.map_or(progress.elsewhere, |(_, met)| *met)
                    }
                };
                if met != Met::Yes {
                    return Err(format!(
                        "{} is restarted before {} is up to date in pool {pool}",
                        step.node, dependency.name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether a run that completes may.
fn judge_completion(scene: &Scene<'_>, progress: &Progress) -> Result<(), String> {
    let opened = scene.run.waves().len();
    if opened < scene.strategy.waves.named().len() {
        return Err("the run is completed, and not all its waves have opened".to_owned());
    }
    match opened.checked_sub(1).filter(|_| !scene.first) {
        Some(last) => judge_gone_on(scene, progress, last),
        None => Ok(()),
    }
}

/// Whether the run may go on after this wave.
fn judge_gone_on(scene: &Scene<'_>, progress: &Progress, at: usize) -> Result<(), String> {
    let rules = scene.strategy.waves.at(at);
    let name = &rules.name;
    let Some(done) = progress.waves.get(&at) else {
        return Err(format!("the run goes on after wave {name}, which is not done"));
    };
    let all = 0..=scene.strategy.waves.named().len();
    let promoted = all.into_iter().find(|at| *scene.strategy.waves.at(*at).name == *scene.promoted_through);
    let skips_soak = scene.is_rollback || promoted.is_some_and(|through| at <= through);
    if !skips_soak && *done + rules.soak > scene.now {
        return Err(format!("the run goes on after wave {name}, which has not soaked"));
    }
    if rules.approval == Approval::AfterWave && !is_approved(scene, name, Point::AfterWave) {
        return Err(format!("the run goes on after wave {name} without approval"));
    }
    Ok(())
}

fn is_approved(scene: &Scene<'_>, wave: &Name, point: Point) -> bool {
    let mine = || scene.decided.iter().filter(|decided| decided.wave == *wave && decided.point == point);
    mine().next().is_some() && mine().all(|decided| decided.approved)
}
