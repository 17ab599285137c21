//! Which waves each pool of a run may belong to.
//!
//! The waves are counted out anew whenever pools or their labels changed. A wave that has opened keeps its pools, and who
//! judges does not know when that was: a pool may belong to every wave that it was ever counted to in the run's life.

use std::collections::{BTreeMap, BTreeSet};

use api::fleet_rollout::Strategy;
use api::fleet_rollout::strategy::{PoolOperator, PoolSelector, Wave};
use jiff::{SignedDuration, Timestamp};
use planner::placement::Placement;

use super::history::NodeState;
use super::timeline::Timeline;
use super::units::{Fact, Moment, Units};

/// The labels of a pool.
pub(super) type Labels = BTreeMap<String, String>;

/// The waves of each pool, by their place in the strategy; the place after the last is that of the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Every node on which the template might ever run.
    pub(super) nodes: BTreeSet<String>,
    of_pool: BTreeMap<String, BTreeSet<usize>>,
    rest: usize,
}

impl Places {
    /// As they were counted out between these times.
    pub(super) fn of(units: &Units<'_>, strategy: &Strategy, from: Timestamp, until: Timestamp) -> Self {
        let mut places = Self { rest: strategy.waves.len(), ..Self::default() };
        let mut at_first: Option<BTreeMap<String, usize>> = None;
        for at in changes(units, from, until) {
            let moment = Moment { at: at + SignedDuration::from_nanos(1), lag: SignedDuration::ZERO };
            let nodes: Vec<&str> = units.eligible(moment).collect();
            places.nodes.extend(nodes.iter().map(|node| (*node).to_owned()));
            let counted = count_out(units, strategy, &nodes, moment);
            for (pool, wave) in &counted {
                let waves = places.of_pool.entry(pool.clone()).or_default();
                waves.insert(*wave);
                // The wave that it matches may have opened without it: then it is in a later one.
                if at_first.as_ref().is_some_and(|first| first.get(pool) != Some(wave)) {
                    waves.insert(places.rest);
                }
            }
            at_first.get_or_insert(counted);
        }
        places
    }

    /// The waves that a pool may belong to. One that never had a node on which the template may run is in the rest.
    pub(super) fn waves(&self, pool: &str) -> BTreeSet<usize> {
        self.of_pool.get(pool).cloned().unwrap_or_else(|| BTreeSet::from([self.rest]))
    }

    /// Whether a node belongs to a wave.
    pub(super) fn has(&self, units: &Units<'_>, node: &str, moment: Moment, wave: usize) -> Fact {
        let waves: Vec<_> = units.nodes(node, moment).flatten().map(|node| self.waves(&node.node.pool)).collect();
        Fact::of(waves.iter().flatten().map(|at| *at == wave))
    }

    /// How many pools may belong to a wave.
    pub(super) fn count(&self, wave: usize) -> usize {
        self.of_pool.values().filter(|waves| waves.contains(&wave)).count()
    }
}

/// When the waves may have been counted out with another result: at first, and whenever a node came, went or changed its
/// pool, or a pool its labels.
fn changes(units: &Units<'_>, from: Timestamp, until: Timestamp) -> BTreeSet<Timestamp> {
    let mut times = BTreeSet::from([from]);
    let mut placements: Vec<&Placement> = Vec::new();
    for (published, set) in units.set.line.changes() {
        if let Some(set) = set.as_ref().filter(|set| placements.last() != Some(&&set.placement)) {
            times.insert(published.latest);
            placements.push(&set.placement);
        }
    }
    let may_run = |state: &Option<NodeState>| {
        state.as_ref().is_some_and(|state| placements.iter().any(|placement| placement.admits(&state.node)))
    };
    for line in units.history.nodes.values().filter(|line| line.changes().iter().any(|(_, state)| may_run(state))) {
        let mut before: Option<&NodeState> = None;
        for (published, node) in line.changes() {
            let place = |node: &NodeState| (node.node.pool.clone(), node.node.labels.clone());
            if before.map(place) != node.as_ref().map(place) {
                times.insert(published.latest);
            }
            before = node.as_ref();
        }
    }
    let pools = units.history.pools.values().flat_map(Timeline::changes);
    times.extend(pools.map(|(published, _)| published.latest));
    times.retain(|at| (from..=until).contains(at));
    times
}

/// Each wave in order takes the pools that match and that no wave before it took, up to its limit, by name.
fn count_out(units: &Units<'_>, strategy: &Strategy, nodes: &[&str], moment: Moment) -> BTreeMap<String, usize> {
    let pool = |node: &&str| Some(units.nodes(node, moment).last()??.node.pool.to_string());
    let mut left: BTreeSet<String> = nodes.iter().filter_map(pool).collect();
    let mut found = BTreeMap::new();
    for (place, wave) in strategy.waves.iter().enumerate() {
        let is_mine =
            |pool: &&String| units.labels(pool, moment).last().is_some_and(|labels| matches(wave, pool, labels));
        let mine: Vec<String> = left.iter().filter(is_mine).cloned().collect();
        let count = u32::try_from(mine.len()).unwrap_or(u32::MAX);
        let most = wave.max_pools.map_or(count, |amount| amount.0.allowed(count));
        for pool in mine.into_iter().take(most as usize) {
            left.remove(&pool);
            found.insert(pool, place);
        }
    }
    found.extend(left.into_iter().map(|pool| (pool, strategy.waves.len())));
    found
}

/// Whether a wave is about a pool with these labels.
pub(super) fn matches(wave: &Wave, pool: &str, labels: &Labels) -> bool {
    wave.pools.iter().any(|named| named == pool)
        || wave.pool_selector.as_ref().is_some_and(|selector| selects(selector, labels))
}

/// Whether a selector is about a pool with these labels.
pub(super) fn selects(selector: &PoolSelector, labels: &Labels) -> bool {
    let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
    selector.match_labels.iter().all(has)
        && selector.match_expressions.iter().all(|wanted| {
            let value = labels.get(&wanted.key);
            let listed = value.is_some_and(|value| wanted.values.contains(value));
            match wanted.operator {
                PoolOperator::In => listed,
                PoolOperator::NotIn => !listed,
                PoolOperator::Exists => value.is_some(),
                PoolOperator::DoesNotExist => value.is_none(),
            }
        })
}
