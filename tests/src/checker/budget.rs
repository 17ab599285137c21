//! Rule 1: no start above `allowed`, over reachable units, in any scope that has a budget.

use std::collections::BTreeSet;

use planner::strategy::Amount;

use super::activations::Activation;
use super::units::{Fact, Moment, Units};
use super::verdict::{Rule, Tight};

/// Units with a budget of their own.
pub(super) struct Scope<'s> {
    /// What is broken by a start above it.
    pub rule: Rule,
    /// What it is called.
    pub name: String,
    /// How many may be down.
    pub amount: Amount,
    /// Whether a share is of all units rather than of these.
    pub of_all: bool,
    /// Whether the unit of a node belongs to it.
    pub has: Box<dyn Fn(&str) -> Fact + 's>,
    /// Whether the unit of a node does not count though it is down.
    pub forgives: Box<dyn Fn(&str) -> bool + 's>,
}

/// The units of a scope, counted in favour of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// Eligible units.
    pub eligible: u32,
    /// Reachable ones.
    pub reachable: u32,
    /// As many may be down.
    pub allowed: u32,
    /// As many could be if all eligible units were reachable.
    pub allowed_of_all: u32,
    /// The nodes of the units that are down.
    pub down: BTreeSet<String>,
    /// The nodes of the units that were down before they were started, and have no verdict.
    pub revived: BTreeSet<String>,
}

impl Scope<'_> {
    /// All units of a DaemonSet.
    pub(super) fn whole(units: &Units<'_>, moment: Moment) -> Self {
        Self {
            rule: Rule::Budget,
            name: "the run".to_owned(),
            amount: units.budget(moment),
            of_all: true,
            has: Box::new(|_| Fact::Yes),
            forgives: Box::new(|_| false),
        }
    }
}

/// Counts, with these activations begun.
pub(super) fn count(units: &Units<'_>, begun: &[Activation], moment: Moment, scope: &Scope<'_>) -> Count {
    let is_mine = |node: &str| (scope.has)(node) == Fact::Yes;
    let open = || begun.iter().filter(|activation| activation.is_open(moment.at) && is_mine(&activation.node));
    let mut down: BTreeSet<String> = open().map(|activation| activation.node.clone()).collect();
    let newest: Vec<_> = units.newest(moment).map(|revision| revision.hash.as_str()).collect();
    let (mut eligible, mut reachable) = (0, 0);
    for node in units.eligible(moment) {
        let reach = units.is_reachable(node, moment);
        let counts = scope.of_all || (scope.has)(node).is_possible();
        eligible += u32::from(counts);
        reachable += u32::from(counts && reach.is_possible());
        // With a newer revision the verdict is forgotten.
        let last = begun.iter().rev().find(|a| a.node == node && newest.contains(&a.revision.as_str()));
        let excused = last.is_some_and(|activation| activation.is_pre_existing(moment.at));
        let is_broken = reach == Fact::Yes && !excused && !units.is_available(node, moment).is_possible();
        if is_broken && is_mine(node) && !(scope.forgives)(node) {
            down.insert(node.to_owned());
        }
    }
    let revived =
        open().filter(|a| a.controlled && !a.was_available.is_possible() && newest.contains(&a.revision.as_str()));
    let revived = revived.map(|activation| activation.node.clone()).collect();
    Count {
        eligible,
        reachable,
        allowed: scope.amount.allowed(reachable),
        allowed_of_all: scope.amount.allowed(eligible),
        down,
        revived,
    }
}

/// Judges the activation `at` this place in the order of all by the budget of a scope.
pub(super) fn judge(units: &Units<'_>, all: &[Activation], at: usize, scope: &Scope<'_>) -> Option<(Rule, String)> {
    let Activation { node, at: time, .. } = &all[at];
    let moment = Moment { at: *time, lag: units.rules.lag };
    let count = count(units, &all[..at], moment, scope);
    let others = len(count.down.iter().filter(|other| *other != node).count());
    let revived = len(count.revived.iter().filter(|other| *other != node).count());
    let under_way = all[..at].iter().any(|other| other.node == *node && other.is_open(*time));
    let available = units.is_available(node, moment);
    let (was_down, was_healthy) = (under_way || available != Fact::Yes, available != Fact::No);
    let fits = |allowed| (was_healthy && others < allowed) || (was_down && revived < allowed);
    if fits(count.allowed) {
        return None;
    }
    let Count { eligible, reachable, allowed, allowed_of_all, .. } = count;
    let what = format!(
        "{} down with this start ({revived} of them restarted when they were down), {allowed} allowed over {reachable} \
         reachable units ({allowed_of_all} over all {eligible}) of {}",
        others + 1,
        scope.name
    );
    let of_wrong_base = scope.rule == Rule::Budget && fits(allowed_of_all);
    Some((if of_wrong_base { Rule::Denominator } else { scope.rule }, what))
}

/// A healthy unit's start against its budget, judged without any lag.
pub(super) fn tight(units: &Units<'_>, all: &[Activation], at: usize) -> Option<Tight> {
    let Activation { node, at: time, was_available, .. } = &all[at];
    let moment = Moment { at: *time, lag: jiff::SignedDuration::ZERO };
    let count = count(units, &all[..at], moment, &Scope::whole(units, moment));
    let others = len(count.down.iter().filter(|other| *other != node).count());
    was_available.is_possible().then_some(Tight { at: *time, down: others + 1, allowed: count.allowed })
}

fn len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
