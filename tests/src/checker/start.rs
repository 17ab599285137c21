//! What must hold of each single deletion: of its request, its pod, its node and its DaemonSet.

use super::activations::Deletion;
use super::audit::Call;
use super::units::{Fact, Moment, Units};
use super::verdict::Rule;

/// Every deletion carries the UID that it decided on.
pub(super) fn fenced(call: &Call) -> Option<(Rule, String)> {
    match (&call.precondition, &call.uid) {
        (None, _) => Some((Rule::NoUid, "no preconditions.uid".to_owned())),
        (Some(asked), Some(found)) if call.is_accepted() && asked != found => {
            Some((Rule::NoUid, format!("preconditions.uid is {asked}, the pod's {found}")))
        }
        (Some(_), _) => None,
    }
}

/// The pod is not at the newest revision, and there is a newer one that it will get.
pub(super) fn outdated(units: &Units<'_>, deletion: &Deletion<'_>) -> Option<(Rule, String)> {
    let moment = Moment { at: deletion.at, lag: units.rules.lag };
    let revision = &deletion.pod.pod.revision;
    let mut newest = units.newest(moment).peekable();
    if newest.peek().is_some() && newest.all(|newest| newest.hash == *revision) {
        return Some((Rule::AtNewest, format!("its revision {revision} is the newest")));
    }
    let mut sets = units.sets(moment).peekable();
    let unobserved = sets.peek().is_some() && sets.all(|set| set.is_some_and(|set| !set.observed));
    unobserved
        .then(|| (Rule::Superseded, "the newest revision is not there yet, what it would get is superseded".to_owned()))
}

/// The DaemonSet asks for it.
pub(super) fn asked_for(units: &Units<'_>, deletion: &Deletion<'_>) -> Option<(Rule, String)> {
    let moment = Moment { at: deletion.at, lag: units.rules.lag };
    if units.lacks_strategy(moment) {
        let what = format!("the strategy that DaemonSet {} names is not there", units.set.name);
        return Some((Rule::NotAsked, what));
    }
    let wanted = units.sets(moment).any(|set| set.is_some_and(|set| set.wanted));
    (!wanted)
        .then(|| (Rule::NotAsked, format!("DaemonSet {} does not ask for upgrades that can be made", units.set.name)))
}

/// The node is Ready, long enough, not cordoned, and the template may run on it.
pub(super) fn on_reachable_node(units: &Units<'_>, deletion: &Deletion<'_>) -> Option<(Rule, String)> {
    let moment = Moment { at: deletion.at, lag: units.rules.lag };
    let node = &deletion.pod.pod.node;
    let lag = units.rules.lag;
    if !units.is_ready(node, moment).is_possible() {
        return Some((Rule::NotReady, format!("{node} is known NotReady for over {lag:#}")));
    }
    if units.is_cordoned(node, moment) == Fact::Yes {
        return Some((Rule::Cordoned, format!("{node} is cordoned for over {lag:#}")));
    }
    if !units.is_reachable(node, moment).is_possible() {
        let after = units.rules.timing.reachable_after;
        return Some((Rule::NotReachable, format!("{node} is Ready for less than {after:#}")));
    }
    let eligible = units.is_eligible(node, moment).is_possible();
    (!eligible).then(|| (Rule::NotReachable, format!("the template may not run on {node}")))
}
