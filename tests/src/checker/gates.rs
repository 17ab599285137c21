//! What a start in a run must keep to: every budget, the order of waves, approvals, turns of pools, windows.

use std::collections::BTreeSet;

use api::fleet_rollout::strategy::{CatchUp, Window};
use jiff::Timestamp;

use super::activations::Activation;
use super::budget::{self, Scope};
use super::places::{Labels, selects};
use super::units::{Fact, Moment, Units};
use super::verdict::Rule;
use super::waves::Run;
use super::windows;

/// One start in a run that goes by a named strategy.
struct Start<'s, 'a> {
    units: &'s Units<'a>,
    run: &'s Run<'a>,
    all: &'s [Activation],
    at: usize,
    moment: Moment,
    /// The pools that its node may be believed to be in.
    pools: BTreeSet<&'a str>,
    /// The waves that they may belong to.
    waves: BTreeSet<usize>,
}

/// The rules that the activation `at` this place of all breaks, in a run by a named strategy or in another.
pub(super) fn broken(units: &Units<'_>, run: Option<&Run<'_>>, all: &[Activation], at: usize) -> Vec<(Rule, String)> {
    let moment = Moment { at: all[at].at, lag: units.rules.lag };
    let Some(run) = run else {
        return budget::judge(units, all, at, &Scope::whole(units, moment)).into_iter().collect();
    };
    let pools = units.pools(&all[at].node, moment);
    let waves = pools.iter().flat_map(|pool| run.places.waves(pool)).collect();
    let start = Start { units, run, all, at, moment, pools, waves };
    let mut broken: Vec<_> = start.scopes().iter().filter_map(|scope| budget::judge(units, all, at, scope)).collect();
    broken.extend([start.order(), start.crowd(), start.window()].into_iter().flatten());
    broken
}

impl<'a> Start<'_, 'a> {
    fn node(&self) -> &str {
        &self.all[self.at].node
    }

    /// The wave it is in, if that is sure.
    fn wave(&self) -> Option<usize> {
        let mut waves = self.waves.iter();
        waves.next().copied().filter(|_| waves.next().is_none())
    }

    /// The pool it is in, if that is sure.
    fn pool(&self) -> Option<&'a str> {
        let mut pools = self.pools.iter();
        pools.next().copied().filter(|_| pools.next().is_none())
    }

    /// Every budget that it must fit into.
    fn scopes(&self) -> Vec<Scope<'_>> {
        let &Self { units, run, moment, .. } = self;
        let has = move |wave| Box::new(move |node: &str| run.places.has(units, node, moment, wave));
        let strict = || Box::new(|_: &str| false);
        let mut scopes = vec![Scope { forgives: Box::new(|node| self.waits(node)), ..Scope::whole(units, moment) }];
        if let Some(wave) = self.wave().filter(|_| !run.strategy.waves.is_empty()) {
            let (name, amount) = (format!("wave {}", run.name(wave)), run.wave_budget(wave));
            let (rule, of_all) = (Rule::WaveBudget, false);
            scopes.push(Scope { rule, name, amount, of_all, has: has(wave), forgives: strict() });
        }
        if let (Some(pool), Some(amount)) = (self.pool(), run.strategy.unit.max_unavailable_per_pool) {
            let is_there = move |node: &str| Fact::of(units.pools(node, moment).iter().map(|known| *known == pool));
            scopes.push(Scope {
                rule: Rule::PoolBudget,
                name: format!("pool {pool:?}"),
                amount: amount.0,
                of_all: false,
                has: Box::new(is_there),
                forgives: strict(),
            });
        }
        let catches_up = self.wave().is_some_and(|wave| run.told_success(moment, wave));
        if let (true, Some(amount)) = (catches_up, run.strategy.offline.max_unavailable) {
            let told: Vec<_> = (0..run.waves.len()).filter(|wave| run.told_success(moment, *wave)).collect();
            let is_there = move |node: &str| any(told.iter().map(|wave| run.places.has(units, node, moment, *wave)));
            scopes.push(Scope {
                rule: Rule::CatchUpBudget,
                name: "what is caught up".to_owned(),
                amount: amount.0,
                of_all: true,
                has: Box::new(is_there),
                forgives: strict(),
            });
        }
        scopes
    }

    /// Whether a node's wave comes later than this start's, and has waited so long that what is broken in it is forgiven.
    fn waits(&self, node: &str) -> bool {
        let mine = self.waves.iter().max();
        let theirs = self.units.pools(node, self.moment).into_iter().flat_map(|pool| self.run.places.waves(pool)).max();
        theirs.as_ref() > mine && self.moment.at >= self.run.begins + self.run.deadline()
    }

    /// Its wave has opened.
    fn order(&self) -> Option<(Rule, String)> {
        let lives = || self.waves.iter().map(|wave| (&self.run.waves[*wave], *wave));
        if self.waves.is_empty() || lives().any(|(life, _)| life.opened <= self.moment.at) {
            return None;
        }
        let (life, wave) = lives().min_by_key(|(life, _)| life.opened)?;
        let name = self.run.name(wave);
        if life.due <= self.moment.at {
            return Some((Rule::NotApproved, format!("wave {name} opens when somebody approves, which nobody did")));
        }
        let when = |at: Timestamp| if at == Timestamp::MAX { "never".to_owned() } else { format!("at {at:.3}") };
        let what =
            format!("wave {name} may open {} at the earliest: the ones before must succeed and soak", when(life.due));
        Some((Rule::WaveOrder, what))
    }

    /// Its pool is under change already, or one more may be.
    fn crowd(&self) -> Option<(Rule, String)> {
        let (wave, pool) = (self.wave()?, self.pool()?);
        let most = self.run.rules(wave)?.max_concurrent_pools?;
        let limit = most.0.allowed(u32::try_from(self.run.places.count(wave)).unwrap_or(u32::MAX)) as usize;
        let open = self.all[..self.at].iter().filter(|other| other.controlled && other.is_open(self.moment.at));
        let mine = open.filter(|other| self.run.places.has(self.units, &other.node, self.moment, wave) == Fact::Yes);
        let of_one = |node: &str| Some(self.units.pools(node, self.moment)).filter(|pools| pools.len() == 1);
        let busy: BTreeSet<&str> = mine.filter_map(|other| of_one(&other.node)).flatten().collect();
        let is_new = !busy.contains(pool);
        (is_new && busy.len() >= limit).then(|| {
            let what = format!("{} is in pool {pool:?}, while {busy:?} are under change; {limit} may be", self.node());
            (Rule::ConcurrentPools, what)
        })
    }

    /// A window of its pool is open, or was when it was decided.
    fn window(&self) -> Option<(Rule, String)> {
        let Moment { at, lag } = self.moment;
        if self.run.rollback || self.run.strategy.windows.is_empty() {
            return None;
        }
        // Who was away when its wave was finished missed the windows.
        let catches_up = self.run.strategy.offline.catch_up == CatchUp::Always
            && self.waves.iter().any(|wave| self.run.waves[*wave].finished <= at);
        let is_open = |labels: &Labels| {
            let is_about =
                |window: &&Window| window.pool_selector.as_ref().is_none_or(|selector| selects(selector, labels));
            let about: Vec<_> = self.run.strategy.windows.iter().filter(is_about).collect();
            [at, at - lag].into_iter().any(|at| windows::are_open(&about, !catches_up, at))
        };
        let mut labels = self.pools.iter().flat_map(|pool| self.units.labels(pool, self.moment));
        (!labels.any(|labels| is_open(&labels)))
            .then(|| (Rule::Window, format!("no window of {:?} is open", self.pools)))
    }
}

/// Whether one of these is so.
fn any(facts: impl Iterator<Item = Fact>) -> Fact {
    facts.fold(Fact::No, |all, one| match (all, one) {
        (Fact::Yes, _) | (_, Fact::Yes) => Fact::Yes,
        (Fact::Perhaps, _) | (_, Fact::Perhaps) => Fact::Perhaps,
        (Fact::No, Fact::No) => Fact::No,
    })
}
