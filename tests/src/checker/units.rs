//! One DaemonSet's units as somebody may have believed them to be whose view lags.
//!
//! News in favour of a start (a node became Ready, a pod available) counts from the moment at which it may have been public;
//! news against it from `lag` after it surely was. With a lag of zero this is the state itself.

use std::collections::BTreeSet;

use api::fleet_rollout::Strategy;
use jiff::{SignedDuration, Timestamp};
use planner::strategy::Amount;

use super::history::{History, NodeState, PodState, Revision, SetLine, SetState};
use super::note::RunState;
use super::places::Labels;
use super::rules::Rules;

/// A DaemonSet and the fleet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Units<'a> {
    /// Everything.
    pub history: &'a History,
    /// By these numbers.
    pub rules: &'a Rules,
    /// The UID of the DaemonSet.
    pub uid: &'a str,
    /// The DaemonSet.
    pub set: &'a SetLine,
}

/// A time, and how far a view may lag behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// The time.
    pub at: Timestamp,
    /// The lag.
    pub lag: SignedDuration,
}

/// What can be said of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// It was so, and somebody with a lag knew.
    Yes,
    /// It changed lately.
    Perhaps,
    /// It was not so, and somebody with a lag knew.
    No,
}

impl Fact {
    pub(super) fn of(believable: impl Iterator<Item = bool>) -> Self {
        let (mut yes, mut no) = (false, false);
        believable.for_each(|holds| if holds { yes = true } else { no = true });
        match (yes, no) {
            (true, false) => Self::Yes,
            (true, true) => Self::Perhaps,
            (false, _) => Self::No,
        }
    }

    /// Whether it may have been believed.
    pub(super) fn is_possible(self) -> bool {
        self != Self::No
    }
}

impl<'a> Units<'a> {
    /// The DaemonSet's states that may be believed.
    pub(super) fn sets(&self, moment: Moment) -> impl DoubleEndedIterator<Item = Option<&'a SetState>> {
        self.set.line.believable(moment.at, moment.lag).map(Option::as_ref)
    }

    /// Its revisions that may be believed to be the newest.
    pub(super) fn newest(&self, moment: Moment) -> impl DoubleEndedIterator<Item = &'a Revision> {
        self.set.newest.believable(moment.at, moment.lag)
    }

    /// The nodes on which the newest template may run.
    pub(super) fn eligible(&self, moment: Moment) -> impl Iterator<Item = &'a str> {
        let history: &'a History = self.history;
        history.nodes.keys().map(String::as_str).filter(move |node| self.is_eligible(node, moment).is_possible())
    }

    /// Whether the newest template may run on a node.
    pub(super) fn is_eligible(&self, node: &str, moment: Moment) -> Fact {
        let sets: Vec<_> = self.sets(moment).flatten().collect();
        let admitted = |node: &NodeState| sets.iter().any(|set| set.placement.admits(&node.node));
        Fact::of(self.nodes(node, moment).map(|node| node.is_some_and(admitted)))
    }

    /// Whether a node is Ready.
    pub(super) fn is_ready(&self, node: &str, moment: Moment) -> Fact {
        Fact::of(self.nodes(node, moment).map(|node| node.is_some_and(|node| node.ready_since.is_some())))
    }

    /// Whether a node is cordoned.
    pub(super) fn is_cordoned(&self, node: &str, moment: Moment) -> Fact {
        Fact::of(self.nodes(node, moment).map(|node| node.is_some_and(|node| node.node.cordoned)))
    }

    /// Whether a node is reachable.
    pub(super) fn is_reachable(&self, node: &str, moment: Moment) -> Fact {
        let long = |since| moment.at.duration_since(since) >= self.rules.timing.reachable_after;
        let reachable = |node: &NodeState| !node.node.cordoned && node.ready_since.is_some_and(long);
        Fact::of(self.nodes(node, moment).map(|node| node.is_some_and(reachable)))
    }

    /// Whether a unit's pod is available.
    pub(super) fn is_available(&self, node: &str, moment: Moment) -> Fact {
        let pods = self.history.pods_on(self.uid, node).map(|pod| self.pod_is_available(&pod.line, moment));
        pods.fold(Fact::No, |all, one| match (all, one) {
            (Fact::Yes, _) | (_, Fact::Yes) => Fact::Yes,
            (Fact::Perhaps, _) | (_, Fact::Perhaps) => Fact::Perhaps,
            (Fact::No, Fact::No) => Fact::No,
        })
    }

    /// Whether a live pod of a unit has the newest revision.
    pub(super) fn is_at_newest(&self, node: &str, moment: Moment) -> bool {
        self.newest(moment).any(|newest| self.has(node, &newest.hash, moment))
    }

    /// Whether a live pod of a unit has this revision.
    pub(super) fn has(&self, node: &str, revision: &str, moment: Moment) -> bool {
        let mut pods = self.history.pods_on(self.uid, node).filter(|pod| pod.pod.revision == revision);
        pods.any(|pod| pod.line.believable(moment.at, moment.lag).any(|state| state.live))
    }

    /// What its runs say that may be believed to be in force.
    pub(super) fn runs(&self, moment: Moment) -> impl Iterator<Item = &'a RunState> {
        let set = self.set;
        let lines = self.newest(moment).filter_map(|newest| set.runs.get(&newest.number));
        lines.flat_map(move |line| line.believable(moment.at, moment.lag))
    }

    /// Whether the strategy in force is surely one that is named and not there.
    pub(super) fn lacks_strategy(&self, moment: Moment) -> bool {
        let mut runs = self.runs(moment).peekable();
        runs.peek().is_some() && runs.all(|run| run.named && run.strategy.is_none())
    }

    /// The largest budget that may be in force: that of a strategy which is named, else the annotation's.
    pub(super) fn budget(&self, moment: Moment) -> Amount {
        let budget = |strategy: &Strategy| strategy.max_unavailable.map_or(Amount::Percent(100), |amount| amount.0);
        let runs: Vec<_> = self.runs(moment).map(|run| named(run).map(budget)).collect();
        let by_annotation = runs.is_empty() || runs.iter().any(Option::is_none);
        let budgets =
            by_annotation.then(|| self.annotated_budget(moment)).into_iter().chain(runs.into_iter().flatten());
        budgets.max_by_key(|budget| budget.allowed(100)).unwrap_or(Amount::Count(0))
    }

    /// The largest budget that the annotation may set: a run keeps the one that it began with.
    fn annotated_budget(&self, moment: Moment) -> Amount {
        let begun = self.set.newest.believable(moment.at, moment.lag).next().and_then(|oldest| {
            let first = self.set.newest.changes().iter().find(|(_, revision)| revision == oldest);
            first.map(|(published, _)| published.earliest)
        });
        let lag = begun.map_or(moment.lag, |begun| moment.lag.max(moment.at.duration_since(begun)));
        let budgets = self.sets(Moment { at: moment.at, lag }).flatten().map(|set| set.budget);
        budgets.max_by_key(|budget| budget.allowed(100)).unwrap_or(Amount::Count(0))
    }

    /// How long a unit must be Ready on a Ready node to count as settled, at the least.
    pub(super) fn settle(&self, moment: Moment) -> SignedDuration {
        let of_run = |run: &RunState| named(run).map_or(0, |strategy| strategy.unit.min_ready_seconds);
        let seconds = self.runs(moment).map(of_run).min().unwrap_or_default();
        self.rules.settle(self.min_ready(moment).max(SignedDuration::from_secs(i64::from(seconds))))
    }

    /// After what time a unit that has not settled has failed, at the least.
    pub(super) fn progress_deadline(&self, moment: Moment) -> SignedDuration {
        let strategies = self.runs(moment).filter_map(named);
        let deadlines = strategies.map(|strategy| strategy.unit.progress_deadline_seconds);
        let deadlines = deadlines.map(|seconds| SignedDuration::from_secs(i64::from(seconds)));
        deadlines.chain([self.rules.progress_deadline]).min().unwrap_or_default()
    }

    /// The pools that a node may be believed to be in.
    pub(super) fn pools(&self, node: &str, moment: Moment) -> BTreeSet<&'a str> {
        self.nodes(node, moment).flatten().map(|node| &*node.node.pool).collect()
    }

    /// The labels that a pool may be believed to have; none if it has no NodePool.
    pub(super) fn labels(&self, pool: &str, moment: Moment) -> Vec<Labels> {
        let line = self.history.pools.get(pool);
        let known: Vec<_> = line.into_iter().flat_map(|line| line.believable(moment.at, moment.lag)).cloned().collect();
        if known.is_empty() { vec![Labels::new()] } else { known }
    }

    /// The DaemonSet's `minReadySeconds`.
    pub(super) fn min_ready(&self, moment: Moment) -> SignedDuration {
        self.sets(moment).flatten().map(|set| set.min_ready).min().unwrap_or_default()
    }

    fn pod_is_available(&self, line: &super::timeline::Timeline<PodState>, moment: Moment) -> Fact {
        let min_ready = self.min_ready(moment);
        let long = |since| moment.at.duration_since(since) >= min_ready;
        Fact::of(line.believable(moment.at, moment.lag).map(|pod| pod.live && pod.ready_since.is_some_and(long)))
    }

    /// A node's states that may be believed.
    pub(super) fn nodes(&self, node: &str, moment: Moment) -> impl Iterator<Item = Option<&'a NodeState>> {
        let history: &'a History = self.history;
        let line = history.nodes.get(node);
        line.into_iter().flat_map(move |line| line.believable(moment.at, moment.lag)).map(Option::as_ref)
    }
}

/// The strategy of a run that its DaemonSet names, once it is there.
fn named(run: &RunState) -> Option<&Strategy> {
    run.strategy.as_deref().filter(|_| run.named)
}
