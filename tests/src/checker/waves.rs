//! Waves: when each may have opened, at the earliest, reckoned from units and approvals alone.
//!
//! What the run's own status says of its waves is not asked: it is written by whoever is judged.

use std::collections::HashMap;

use api::approval_request::ApprovalPoint;
use api::fleet_rollout::Strategy;
use api::fleet_rollout::strategy::{Approval, OnInconclusive, Wave};
use jiff::{SignedDuration, Timestamp};
use planner::strategy::Amount;

use super::activations::{Activation, End};
use super::history::Revision;
use super::note::RunState;
use super::places::Places;
use super::timeline::Timeline;
use super::units::{Fact, Moment, Units};

/// A run that goes by a strategy which its DaemonSet names.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) strategy: &'a Strategy,
    pub(super) rollback: bool,
    pub(super) places: Places,
    /// Each wave's life; the last is that of the rest.
    pub(super) waves: Vec<Life>,
    pub(super) revision: &'a Revision,
    pub(super) begins: Timestamp,
    units: Units<'a>,
    line: &'a Timeline<RunState>,
}

/// A wave's life, each step as early as it may have been; the end of time for what never came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// It opened, if nobody needed to approve.
    pub(super) due: Timestamp,
    /// It opened.
    pub(super) opened: Timestamp,
    /// All of its reachable units had their verdict.
    pub(super) finished: Timestamp,
}

/// The activations of one run, by node, in their order.
type Course<'c> = HashMap<&'c str, Vec<&'c Activation>>;

/// Units of a wave, counted in favour of its success.
#[derive(Default)]
struct Tally {
    eligible: u32,
    reachable: u32,
    settled: u32,
    failed: u32,
    /// Down before and after: no fault of the revision.
    pre_existing: u32,
    /// Reachable ones without a verdict.
    undone: u32,
}

impl<'a> Run<'a> {
    /// All runs of a DaemonSet that go by named strategies.
    pub(super) fn all(units: &Units<'a>, activations: &[Activation]) -> Vec<Self> {
        let set = units.set;
        let revisions: Vec<_> = set.newest.changes().iter().collect();
        let mut runs = Vec::new();
        for (at, (published, revision)) in revisions.iter().enumerate() {
            let ends = revisions.get(at + 1).map_or(Timestamp::MAX, |(next, _)| next.latest + units.rules.lag);
            let Some(line) = set.runs.get(&revision.number) else { continue };
            let with_strategy = line.changes().iter().find(|(_, run)| run.strategy.is_some());
            let Some((begun, run)) = with_strategy.filter(|(_, run)| run.named) else { continue };
            let Some(strategy) = run.strategy.as_deref() else { continue };
            let begins = begun.earliest.max(published.earliest);
            let places = Places::of(units, strategy, begins, ends);
            let (units, rollback) = (*units, line.changes().iter().any(|(_, run)| run.rollback));
            let mut run = Self { strategy, rollback, places, waves: Vec::new(), units, revision, line, begins };
            run.reckon(activations);
            runs.push(run);
        }
        runs
    }

    /// The rules of a wave; `None` for the rest.
    pub(super) fn rules(&self, wave: usize) -> Option<&'a Wave> {
        self.strategy.waves.get(wave)
    }

    /// The name of a wave.
    pub(super) fn name(&self, wave: usize) -> &'a str {
        let last = if self.strategy.waves.is_empty() { "all" } else { "rest" };
        self.rules(wave).map_or(last, |rules| &rules.name)
    }

    /// Whether the run had told `lag` ago that a wave succeeded. All have when it is over.
    pub(super) fn told_success(&self, moment: Moment, wave: usize) -> bool {
        let mut told = self.line.believable(moment.at, moment.lag).peekable();
        told.peek().is_some() && told.all(|run| run.succeeded.iter().any(|name| name == self.name(wave)))
    }

    /// Goes through the waves in order.
    fn reckon(&mut self, activations: &[Activation]) {
        let times = self.times(activations);
        let course = self.course(activations);
        let mut due = self.begins;
        let mut opens = self.begins;
        for wave in 0..=self.strategy.waves.len() {
            let rules = self.rules(wave);
            let asks = |point| rules.is_some_and(|rules| rules.approval == point);
            if asks(Approval::BeforeWave) {
                opens = opens.max(self.approved(wave, ApprovalPoint::BeforeWave));
            }
            let opened = opens;
            let succeeded = self.first(&times, opened, |at| self.has_succeeded(&course, wave, opened, at));
            let finished = self.first(&times, succeeded, |at| self.tally(&course, wave, at).undone == 0);
            self.waves.push(Life { due, opened, finished });
            let soak = SignedDuration::from_secs(rules.map_or(0, |rules| i64::from(rules.soak_seconds)));
            let soaked = succeeded.checked_add(soak).unwrap_or(Timestamp::MAX);
            let soaked = if self.rollback { succeeded } else { soaked.min(succeeded.max(self.promoted(wave))) };
            (due, opens) = (soaked, soaked);
            if asks(Approval::AfterWave) {
                opens = opens.max(self.approved(wave, ApprovalPoint::AfterWave));
            }
        }
    }

    /// When something in favour of a wave's success may have happened.
    fn times(&self, activations: &[Activation]) -> Vec<Timestamp> {
        let Units { history, uid, set, .. } = self.units;
        let pods = history.pods.values().filter(|pod| pod.pod.owner == uid).flat_map(|pod| pod.line.changes());
        let nodes = self.places.nodes.iter().filter_map(|node| history.nodes.get(node));
        let nodes = nodes.flat_map(Timeline::changes);
        let changes = pods.map(|(published, _)| published).chain(nodes.map(|(published, _)| published));
        let changes = changes.chain(set.line.changes().iter().map(|(published, _)| published));
        // What may be public at a time is believed after it.
        let after = changes.map(|published| published.earliest + SignedDuration::from_nanos(1));
        let ends = activations.iter().map(|activation| activation.ended);
        let mut times: Vec<_> = after.chain(ends).filter(|at| (self.begins..Timestamp::MAX).contains(at)).collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    /// The first time from this one on at which something holds.
    fn first(&self, times: &[Timestamp], from: Timestamp, holds: impl Fn(Timestamp) -> bool) -> Timestamp {
        if from == Timestamp::MAX {
            return from;
        }
        let deadline = from.checked_add(self.deadline()).into_iter();
        let mut candidates: Vec<_> = times[times.partition_point(|at| *at <= from)..].to_vec();
        candidates.extend(deadline);
        candidates.sort_unstable();
        std::iter::once(from).chain(candidates).find(|at| holds(*at)).unwrap_or(Timestamp::MAX)
    }

    /// `unit.progressDeadlineSeconds`.
    pub(super) fn deadline(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.strategy.unit.progress_deadline_seconds))
    }

    /// Rule 3, in favour of success.
    fn has_succeeded(&self, course: &Course<'_>, wave: usize, opened: Timestamp, at: Timestamp) -> bool {
        let tally = self.tally(course, wave, at);
        let rules = self.rules(wave);
        let observed = self.strategy.failure_policy.min_observed;
        let needed = observed.min(tally.eligible);
        let enough = match rules.and_then(|rules| rules.min_updated) {
            Some(amount) => tally.settled >= amount.0.tolerated(tally.reachable).min(tally.eligible),
            None => tally.undone == 0,
        };
        let tolerates = tally.failed == 0 || tally.eligible >= observed;
        let proceeds = rules.is_some_and(|rules| rules.on_inconclusive == OnInconclusive::Proceed);
        (enough && tolerates && tally.settled + tally.failed + tally.pre_existing >= needed)
            || (proceeds && tally.undone == 0 && tally.reachable < needed && at >= opened + self.deadline())
    }

    fn tally(&self, course: &Course<'_>, wave: usize, at: Timestamp) -> Tally {
        let moment = Moment { at, lag: self.units.rules.lag };
        let mut tally = Tally::default();
        for node in &self.places.nodes {
            let is_eligible = self.units.is_eligible(node, moment);
            if !is_eligible.is_possible() || self.places.has(&self.units, node, moment, wave) != Fact::Yes {
                continue;
            }
            let is_reachable = self.units.is_reachable(node, moment) == Fact::Yes;
            tally.eligible += u32::from(is_eligible == Fact::Yes);
            tally.reachable += u32::from(is_reachable);
            let last =
                course.get(node.as_str()).and_then(|all| all.iter().rev().find(|activation| activation.at <= at));
            match last.map(|activation| (activation, activation.end_at(at))) {
                Some((_, End::Settled)) => tally.settled += 1,
                Some((activation, End::Failed)) if activation.is_pre_existing(at) => tally.pre_existing += 1,
                Some((_, End::Failed)) => tally.failed += 1,
                Some((_, End::Lost | End::Missing | End::Dropped)) => {}
                // It had the revision before the run began, which is no activation.
                None if self.units.has(node, &self.revision.hash, moment) => tally.settled += 1,
                Some((_, End::None)) | None => tally.undone += u32::from(is_reachable),
            }
        }
        tally
    }

    fn course<'c>(&self, activations: &'c [Activation]) -> Course<'c> {
        let mut course = Course::new();
        let begins = self.begins - self.units.rules.lag;
        let mine = activations.iter().filter(|one| one.revision == self.revision.hash && one.at >= begins);
        mine.for_each(|activation| course.entry(&activation.node).or_default().push(activation));
        course
    }

    /// When a wave was approved, as early as that may have been known.
    fn approved(&self, wave: usize, point: ApprovalPoint) -> Timestamp {
        let name = self.name(wave).to_owned();
        let runs = self.line.changes().iter().map(|(_, run)| (run.uid.clone(), name.clone()));
        let approvals = runs.filter_map(|key| self.units.history.approvals.get(&key)).flatten();
        approvals.filter(|(of, _)| *of == point).map(|(_, at)| *at).min().unwrap_or(Timestamp::MAX)
    }

    /// When a user promoted a wave.
    fn promoted(&self, wave: usize) -> Timestamp {
        let through = |run: &RunState| {
            let promoted = run.promoted.as_deref();
            promoted.is_some_and(|through| (wave..=self.strategy.waves.len()).any(|at| self.name(at) == through))
        };
        let mut changes = self.line.changes().iter();
        changes.find(|(_, run)| through(run)).map_or(Timestamp::MAX, |(published, _)| published.earliest)
    }

    /// How much of a wave may be down; the run's amount where it says nothing.
    pub(super) fn wave_budget(&self, wave: usize) -> Amount {
        let own = self.rules(wave).and_then(|rules| rules.max_unavailable);
        own.or(self.strategy.max_unavailable).map_or(Amount::Percent(100), |amount| amount.0)
    }
}
