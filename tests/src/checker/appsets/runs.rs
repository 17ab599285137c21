//! Runs that go by a named strategy, as far as their users wrote them: which wave has each pool, and when each might open.
//!
//! What a run's own status says of its waves is not asked: it is written by whoever is judged.

use std::collections::{BTreeMap, BTreeSet};

use api::fleet_rollout::Strategy;
use api::fleet_rollout::strategy::{Approval, Wave};
use jiff::Timestamp;
use serde_json::Value;

use super::children::chooses;
use super::deed::text;
use super::world::{Line, World};
use crate::checker::places::{Labels, matches};

/// A run of a YurtAppSet.
pub(super) struct Run<'w, 'a> {
    pub(super) line: &'w Line<'a>,
    pub(super) strategy: Strategy,
    /// The name of its revision.
    pub(super) revision: &'a str,
    pub(super) number: i64,
    pub(super) begins: Timestamp,
    pub(super) uid: &'a str,
    set: &'a str,
    pub(super) set_uid: &'a str,
    /// The place of each pool's wave in the strategy, the place after the last for the rest. Of the pools that were there when it
    /// began: those that came later are in a wave that had not opened, and only the controller knows which had.
    pub(super) places: BTreeMap<&'a str, usize>,
}

impl<'w, 'a> Run<'w, 'a> {
    /// All of a namespace that go by a named strategy, by number.
    pub(super) fn all(world: &'w World<'a>) -> Vec<Self> {
        let mut runs: Vec<_> = world.lines("fleetrollouts").filter_map(|(_, line)| Self::of(world, line)).collect();
        runs.sort_by_key(|run| run.number);
        runs
    }

    fn of(world: &World<'a>, line: &'w Line<'a>) -> Option<Self> {
        let told = |object: &&'a Value| object["spec"]["strategy"].is_object();
        let begun = line.states().iter().find(|state| state.object.is_some_and(|object| told(&object)))?;
        let spec = &begun.object?["spec"];
        if text(spec, "/targetRef/kind") != "YurtAppSet" || text(spec, "/strategyName").is_empty() {
            return None;
        }
        let mut run = Self {
            line,
            strategy: serde_json::from_value(spec["strategy"].clone()).ok()?,
            revision: text(spec, "/revision/name"),
            number: spec["revision"]["number"].as_i64()?,
            begins: begun.deed.received,
            uid: text(begun.object?, "/metadata/uid"),
            set: text(spec, "/targetRef/name"),
            set_uid: text(spec, "/targetRef/uid"),
            places: BTreeMap::new(),
        };
        run.count_out(world);
        Some(run)
    }

    /// Each wave in order takes the pools that match and that no wave before it took, up to its limit, by name.
    fn count_out(&mut self, world: &World<'a>) {
        let set = world.line("yurtappsets", self.set).and_then(|line| line.at(self.begins));
        let Some(set) = set else { return };
        let pools = world.lines("nodepools").filter_map(|(name, line)| Some((name, line.at(self.begins)?)));
        let mut left: BTreeMap<&str, Labels> = pools
            .filter(|(_, pool)| chooses(set, pool))
            .map(|(name, pool)| (name, serde_json::from_value(pool["metadata"]["labels"].clone()).unwrap_or_default()))
            .collect();
        for (place, wave) in self.strategy.waves.iter().enumerate() {
            let mine: Vec<&str> =
                left.iter().filter(|(pool, labels)| matches(wave, pool, labels)).map(|(pool, _)| *pool).collect();
            let count = u32::try_from(mine.len()).unwrap_or(u32::MAX);
            let most = wave.max_pools.map_or(count, |amount| amount.0.allowed(count));
            for pool in mine.into_iter().take(most as usize) {
                left.remove(pool);
                self.places.insert(pool, place);
            }
        }
        self.places.extend(left.into_keys().map(|pool| (pool, self.strategy.waves.len())));
    }

    /// What the strategy says of a wave; nothing of the rest.
    pub(super) fn wave(&self, place: usize) -> Option<&Wave> {
        self.strategy.waves.get(place)
    }

    /// A wave's name.
    pub(super) fn name(&self, place: usize) -> &str {
        self.wave(place).map_or("rest", |wave| &wave.name)
    }

    /// The pools of a wave.
    pub(super) fn pools(&self, place: usize) -> impl Iterator<Item = &'a str> {
        self.places.iter().filter(move |(_, of)| **of == place).map(|(pool, _)| *pool)
    }

    /// Whether somebody may have approved everything on the way into a wave by this time.
    pub(super) fn is_approved(&self, world: &World<'_>, place: usize, at: Timestamp) -> bool {
        let asked = (0..=place).flat_map(|wave| {
            let before = self.wave(wave).is_some_and(|rules| rules.approval == Approval::BeforeWave);
            let after = wave < place && self.wave(wave).is_some_and(|rules| rules.approval == Approval::AfterWave);
            [before.then_some((wave, "BeforeWave")), after.then_some((wave, "AfterWave"))].into_iter().flatten()
        });
        let given: BTreeSet<(&str, &str)> = world
            .lines("approvalrequests")
            .flat_map(|(_, line)| line.states())
            .filter(|state| state.deed.received <= at)
            .filter_map(|state| state.object)
            .filter(|request| text(request, "/spec/rolloutRef/uid") == self.uid)
            .filter(|request| text(request, "/spec/decision") == "Approved")
            .map(|request| (text(request, "/spec/wave"), text(request, "/spec/point")))
            .collect();
        asked.into_iter().all(|(wave, point)| given.contains(&(self.name(wave), point)))
    }

    /// Whether a user may have promoted a wave by this time.
    pub(super) fn is_promoted(&self, place: usize, at: Timestamp) -> bool {
        let through = |object: &Value| {
            let promoted = text(object, "/spec/promotedThrough");
            (place..=self.strategy.waves.len()).any(|at| self.name(at) == promoted)
        };
        let mut told = self.line.states().iter().filter(|state| state.deed.received <= at);
        told.any(|state| state.object.is_some_and(through))
    }
}
