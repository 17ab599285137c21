//! Rule 1: no start above `allowed`, over reachable units.

use std::collections::BTreeSet;

use super::activations::Activation;
use super::units::{Fact, Moment, Units};
use super::verdict::{Rule, Tight};

/// The units of a DaemonSet, counted in favour of a start.
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

/// Counts, with these activations begun.
pub(super) fn count(units: &Units<'_>, begun: &[Activation], moment: Moment) -> Count {
    let open = || begun.iter().filter(|activation| activation.is_open(moment.at));
    let mut down: BTreeSet<String> = open().map(|activation| activation.node.clone()).collect();
    let newest: Vec<_> = units.newest(moment).map(|revision| revision.hash.as_str()).collect();
    let (mut eligible, mut reachable) = (0, 0);
    for node in units.eligible(moment) {
        let reach = units.is_reachable(node, moment);
        eligible += 1;
        reachable += u32::from(reach.is_possible());
        // With a newer revision the verdict is forgotten.
        let last = begun.iter().rev().find(|a| a.node == node && newest.contains(&a.revision.as_str()));
        let excused = last.is_some_and(|activation| activation.is_pre_existing(moment.at));
        if reach == Fact::Yes && !excused && !units.is_available(node, moment).is_possible() {
            down.insert(node.to_owned());
        }
    }
    let revived =
        open().filter(|a| a.controlled && !a.was_available.is_possible() && newest.contains(&a.revision.as_str()));
    let revived = revived.map(|activation| activation.node.clone()).collect();
    let budget = units.budget(moment);
    Count {
        eligible,
        reachable,
        allowed: budget.allowed(reachable),
        allowed_of_all: budget.allowed(eligible),
        down,
        revived,
    }
}

/// Judges the activation `at` this place in the order of all.
pub(super) fn judge(units: &Units<'_>, all: &[Activation], at: usize) -> Option<(Rule, String)> {
    let Activation { node, at: time, .. } = &all[at];
    let moment = Moment { at: *time, lag: units.rules.lag };
    let count = count(units, &all[..at], moment);
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
         reachable units ({allowed_of_all} over all {eligible})",
        others + 1
    );
    Some((if fits(allowed_of_all) { Rule::Denominator } else { Rule::Budget }, what))
}

/// A healthy unit's start against its budget, judged without any lag.
pub(super) fn tight(units: &Units<'_>, all: &[Activation], at: usize) -> Option<Tight> {
    let Activation { node, at: time, was_available, .. } = &all[at];
    let moment = Moment { at: *time, lag: jiff::SignedDuration::ZERO };
    let count = count(units, &all[..at], moment);
    let others = len(count.down.iter().filter(|other| *other != node).count());
    was_available.is_possible().then_some(Tight { at: *time, down: others + 1, allowed: count.allowed })
}

fn len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
