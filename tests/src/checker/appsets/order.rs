//! Whether a pool may start: by its wave, by how many of the wave's pools are under change, and by what its run was told.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Judge;
use super::deed::text;
use super::runs::Run;
use super::templates::workload;
use super::verdict::{SetRule, SetVerdict};
use super::world::{Life, World};

pub(super) fn judge(judge: &Judge, world: &World<'_>, verdict: &mut SetVerdict) {
    let (lives, runs) = (world.lives(), Run::all(world));
    for life in &lives {
        let all: Vec<&Life<'_>> = lives.iter().filter(|other| other.set_uid == life.set_uid).collect();
        for (state, revision) in life.starts() {
            let start = Start { judge, world, all: &all, life, at: state.deed.received, revision };
            let before = || runs.iter().filter(|run| run.set_uid == life.set_uid && run.begins <= start.at);
            let broken = [
                superseded(&start, before().any(|run| is_way_back(&start, run, before()))),
                pinned(&start),
                before().rfind(|run| run.revision == revision).and_then(|run| too_early(&start, run)),
                before().next_back().and_then(|run| too_many(&start, run)),
                before().next_back().and_then(|run| stopped(&start, run)),
            ];
            for (rule, what) in broken.into_iter().flatten() {
                verdict.add(start.at, rule, &state.deed.object(), what);
            }
            verdict.most_changing = verdict.most_changing.max(start.changing(None).len() + 1);
        }
    }
}

/// A pool gets a revision.
struct Start<'s, 'a> {
    judge: &'s Judge,
    world: &'s World<'a>,
    /// All workloads of its YurtAppSet.
    all: &'s [&'s Life<'a>],
    life: &'s Life<'a>,
    at: Timestamp,
    revision: &'a str,
}

type Broken = Option<(SetRule, String)>;

/// Whether a run may lead back to the revision: one of an earlier run, once everybody was told that this one failed.
fn is_way_back<'r>(start: &Start<'_, '_>, run: &Run<'_, '_>, mut all: impl Iterator<Item = &'r Run<'r, 'r>>) -> bool {
    let rolls_back = run.strategy.failure_policy.action == api::fleet_rollout::strategy::FailureAction::Rollback;
    let mut told = run.line.states().iter().filter(|state| state.deed.received <= start.at);
    let has_failed = |run: &Value| matches!(text(run, "/status/phase"), "Halted" | "RolledBack");
    rolls_back
        && all.any(|earlier| earlier.number < run.number && earlier.revision == start.revision)
        && told.any(|state| state.object.is_some_and(has_failed))
}

fn superseded(start: &Start<'_, '_>, is_way_back: bool) -> Broken {
    let set = start.world.line("yurtappsets", start.life.set)?;
    let asked = workload(start.world, start.revision)?;
    let wants = |set: Option<&Value>| {
        set.is_none_or(|set| {
            let pinned = pin(set, start.life.pool);
            set["spec"]["workload"] == without_directive(asked) || pinned.is_some_and(|to| to == start.revision)
        })
    };
    let is_wanted = set.believable(start.at, start.judge.lag).any(wants);
    (!is_wanted && !is_way_back).then(|| {
        let what = format!("pool {} gets {}, which is asked for no more", start.life.pool, start.revision);
        (SetRule::Superseded, what)
    })
}

/// What a revision holds beside the workload is how `kubectl rollout undo` is to put it back.
fn without_directive(workload: &Value) -> Value {
    let mut workload = workload.clone();
    if let Some(fields) = workload.as_object_mut() {
        fields.remove("$patch");
    }
    workload
}

/// Whether it was surely pinned to another one: by all that may have been believed.
fn pinned(start: &Start<'_, '_>) -> Broken {
    let line = start.world.line("yurtappsets", start.life.set)?;
    let mut pins = line.believable(start.at, start.judge.lag).map(|set| pin(set?, start.life.pool));
    let pool = start.life.pool;
    let is_other = pins.all(|to| to.is_some_and(|to| to != start.revision));
    is_other.then(|| (SetRule::Pinned, format!("pool {pool} gets {}, and is pinned to another one", start.revision)))
}

/// The revision that a YurtAppSet pins a pool to.
fn pin(set: &Value, pool: &str) -> Option<String> {
    let pinned = set["metadata"]["annotations"]["drover.dev/pinned-revisions"].as_str()?;
    let pinned: Value = serde_json::from_str(pinned).ok()?;
    pinned[pool].as_str().map(str::to_owned)
}

fn too_early(start: &Start<'_, '_>, run: &Run<'_, '_>) -> Broken {
    let place = *run.places.get(start.life.pool)?;
    if !run.is_approved(start.world, place, start.at) {
        let what = format!("pool {} of wave {} starts unapproved", start.life.pool, run.name(place));
        return Some((SetRule::WaveOrder, what));
    }
    (0..place).find_map(|wave| {
        let what = start.unfinished(run, wave)?;
        let what = format!(
            "pool {} of wave {} starts, and of wave {} {what}",
            start.life.pool,
            run.name(place),
            run.name(wave)
        );
        Some((SetRule::WaveOrder, what))
    })
}

fn too_many(start: &Start<'_, '_>, run: &Run<'_, '_>) -> Broken {
    let place = *run.places.get(start.life.pool)?;
    let most = run.wave(place)?.max_concurrent_pools?;
    let pools: BTreeSet<&str> = run.pools(place).collect();
    let allowed = most.0.allowed(u32::try_from(pools.len()).unwrap_or(u32::MAX));
    let under_way = start.changing(Some(run)).into_iter().filter(|pool| pools.contains(pool)).collect::<Vec<_>>();
    (under_way.len() + 1 > allowed as usize).then(|| {
        let what = format!(
            "pool {} starts while {under_way:?} are under change: {allowed} of wave {} may be",
            start.life.pool,
            run.name(place)
        );
        (SetRule::ConcurrentPools, what)
    })
}

fn stopped(start: &Start<'_, '_>, run: &Run<'_, '_>) -> Broken {
    let mut told = run.line.believable(start.at, start.judge.lag).flatten().peekable();
    told.peek()?;
    let is_stopped = |run: &Value| {
        let by_user = matches!(text(run, "/spec/desiredState"), "Paused" | "Aborted");
        // Who gives the halt's token back is obeyed at once, and the status follows.
        let is_resumed = text(run, "/spec/resumeToken") == text(run, "/status/halt/token");
        by_user || (text(run, "/status/phase") == "Halted" && !is_resumed)
    };
    let is_its_own = run.revision == start.revision;
    (is_its_own && told.all(is_stopped))
        .then(|| (SetRule::Stopped, format!("pool {} starts though its run is stopped", start.life.pool)))
}

impl<'a> Start<'_, 'a> {
    /// The other pools of the set that may still be under change, at the least.
    fn changing(&self, run: Option<&Run<'_, '_>>) -> Vec<&'a str> {
        let is_changing = |life: &&&Life<'a>| {
            let last = life.starts().map(|(state, _)| state.deed.received).filter(|at| *at < self.at).last();
            let Some(began) = last.filter(|_| life.uid != self.life.uid && life.is_there(self.at)) else {
                return false;
            };
            let ends = [life.complete_since(began), life.in_trouble(began), run.map(|run| began + deadline(run))];
            ends.into_iter().flatten().all(|end| end > self.at)
        };
        self.all.iter().filter(is_changing).map(|life| life.pool).collect()
    }

    /// What is missing for a wave to have succeeded and soaked, by all that may have been believed in favour of it.
    fn unfinished(&self, run: &Run<'_, '_>, wave: usize) -> Option<String> {
        let min_ready = SignedDuration::from_secs(i64::from(run.strategy.unit.min_ready_seconds));
        let (mut last, mut undone, mut failed, mut done) = (run.begins, Vec::new(), Vec::new(), 0_u32);
        for pool in run.pools(wave) {
            let lives = || self.all.iter().filter(|life| life.pool == pool);
            let at = lives().filter_map(|life| life.done(run.revision)).min().map(|at| at + min_ready);
            if let Some(at) = at.filter(|at| *at <= self.at) {
                (last, done) = (last.max(at), done + 1);
            } else if self.has_failed(run, pool) {
                failed.push(pool);
            } else if !self.is_excused(run, pool) {
                undone.push(pool);
            }
        }
        let rules = run.wave(wave)?;
        let needed =
            rules.min_updated.map(|amount| amount.0.tolerated(u32::try_from(run.pools(wave).count()).unwrap_or(0)));
        let observed = run.strategy.failure_policy.min_observed as usize;
        let soak = SignedDuration::from_secs(i64::from(rules.soak_seconds));
        if needed.map_or(!undone.is_empty(), |needed| done < needed) {
            return Some(format!("{undone:?} are not done"));
        }
        if !failed.is_empty() && run.pools(wave).count() < observed {
            return Some(format!("{failed:?} failed, in a wave too small for that"));
        }
        let is_watched = needed.is_none() && last + soak > self.at && !run.is_promoted(wave, self.at);
        is_watched.then(|| format!("the last was done at {last:.3}: it soaks for {soak:#}"))
    }

    fn has_failed(&self, run: &Run<'_, '_>, pool: &str) -> bool {
        self.all.iter().filter(|life| life.pool == pool).any(|life| {
            life.starts().filter(|(_, revision)| *revision == run.revision).any(|(state, _)| {
                let began = state.deed.received;
                let in_trouble = life.in_trouble(began).is_some_and(|at| at <= self.at);
                in_trouble || began + deadline(run) <= self.at
            })
        })
    }

    /// Not chosen any more, pinned, or away at some time since the run began: the wave does not wait for it.
    fn is_excused(&self, run: &Run<'_, '_>, pool: &str) -> bool {
        let since = |at: Timestamp| self.judge.known(at) >= run.begins && at <= self.at;
        let pools = self.world.line("nodepools", pool);
        let was_away = pools.is_none_or(|line| {
            let away = |object: Option<&Value>| object.is_none_or(|pool| pool["status"]["readyNodeNum"] == 0);
            let before = away(line.at(run.begins));
            before || line.states().iter().any(|state| since(state.deed.received) && away(state.object))
        });
        let set = self.world.line("yurtappsets", self.life.set);
        let was_left_out = set.is_some_and(|line| {
            let at_first = line.at(run.begins).into_iter();
            let later =
                line.states().iter().filter(|state| since(state.deed.received)).filter_map(|state| state.object);
            at_first.chain(later).any(|set| self.leaves_out(set, pool))
        });
        was_away || was_left_out
    }

    fn leaves_out(&self, set: &Value, pool: &str) -> bool {
        let node_pool = self.world.line("nodepools", pool).and_then(|line| line.at(self.at));
        pin(set, pool).is_some() || node_pool.is_none_or(|node_pool| !super::children::chooses(set, node_pool))
    }
}

fn deadline(run: &Run<'_, '_>) -> SignedDuration {
    SignedDuration::from_secs(i64::from(run.strategy.unit.progress_deadline_seconds))
}
