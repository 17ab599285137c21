//! What OpenYurt's rule does to a fleet: a simulation of the budget of its daemon pod updater, in its favour where its
//! behaviour depends on timing.
//!
//! The rule, of yurt-manager as of 2026-08-18 (`AdvancedRollingUpdate`): the budget is a share of all nodes that have a pod,
//! offline ones included. A node that is `NotReady` is skipped, and weighs nothing. A new pod weighs until it is available.
//! Whatever is left of the budget is deleted at once. Nothing waits for a new pod to prove itself, and nothing halts.
//!
//! In its favour: a replacement counts from its predecessor's deletion (the real one overruns its budget between the two),
//! and no pass is lost to a pod that is stuck.

use jiff::SignedDuration;
use planner::strategy::Amount;

/// How finely time passes.
const STEP: SignedDuration = SignedDuration::from_millis(100);

/// A node before the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Its Ready condition.
    pub(super) ready: bool,
}

/// A release.
#[derive(Clone, Copy, Debug)]
pub(super) struct Release {
    /// The max-unavailable annotation.
    pub(super) budget: Amount,
    /// From the deletion of a pod until its replacement is Ready.
    pub(super) replaced_in: SignedDuration,
    /// A node ends when its new pod is Ready.
    pub(super) kills: bool,
    /// How late Kubernetes reports that a node ended.
    pub(super) grace: SignedDuration,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The budget, over all nodes.
    pub(super) allowed: u32,
    /// Most nodes without a running pod at once, of those that were Ready.
    pub(super) most_down: usize,
    /// Nodes that ended.
    pub(super) lost: usize,
    /// Nodes that got the release.
    pub(super) upgraded: usize,
    /// Until the last of them was Ready.
    pub(super) took: SignedDuration,
}

/// The release reaches this fleet.
pub(super) fn simulate(fleet: &[Node], release: Release) -> Outcome {
    let allowed = release.budget.allowed(u32::try_from(fleet.len()).unwrap_or(u32::MAX));
    let mut nodes: Vec<Simulated> =
        fleet.iter().map(|node| Simulated { reported: node.ready, deleted: None }).collect();
    let mut outcome = Outcome { allowed, ..Outcome::default() };
    let mut now = SignedDuration::ZERO;
    loop {
        let due = |node: &Simulated| node.deleted.map(|deleted| deleted + release.replaced_in);
        for node in &mut nodes {
            if release.kills && due(node).is_some_and(|ended| ended + release.grace <= now) {
                node.reported = false;
            }
        }
        let unavailable = nodes.iter().filter(|node| node.reported && due(node).is_some_and(|due| due > now)).count();
        let free = usize::try_from(allowed).unwrap_or(usize::MAX).saturating_sub(unavailable);
        let candidates = nodes.iter_mut().filter(|node| node.reported && node.deleted.is_none());
        candidates.take(free).for_each(|node| node.deleted = Some(now));
        let down = |node: &&Simulated| due(node).is_some_and(|due| due > now || release.kills);
        outcome.most_down = outcome.most_down.max(nodes.iter().filter(down).count());
        if nodes.iter().all(|node| !node.reported || due(node).is_some_and(|due| due <= now)) {
            break;
        }
        now += STEP;
    }
    let deleted = || nodes.iter().filter_map(|node| node.deleted);
    outcome.upgraded = deleted().count();
    outcome.lost = if release.kills { outcome.upgraded } else { 0 };
    outcome.took = deleted().max().map_or(SignedDuration::ZERO, |last| last + release.replaced_in);
    outcome
}

/// Nodes come back with an old pod. Only a change of the DaemonSet's object wakes OpenYurt's updater, and the return of a
/// node changes none of one that tolerates every taint: measured with yurt-manager, none of 10 were upgraded until somebody
/// edited the DaemonSet.
pub(super) fn nodes_return(fleet: &[Node], budget: Amount) -> Outcome {
    let allowed = budget.allowed(u32::try_from(fleet.len()).unwrap_or(u32::MAX));
    Outcome { allowed, ..Outcome::default() }
}

struct Simulated {
    /// Ready, as far as Kubernetes knows.
    reported: bool,
    /// When its old pod was deleted.
    deleted: Option<SignedDuration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(ready: usize, offline: usize) -> Vec<Node> {
        let mut nodes = vec![Node { ready: true }; ready];
        nodes.resize(ready + offline, Node { ready: false });
        nodes
    }

    fn release(percent: u32, kills: bool) -> Release {
        Release {
            budget: Amount::Percent(percent),
            replaced_in: SignedDuration::from_secs(1),
            kills,
            grace: SignedDuration::from_secs(4),
        }
    }

    /// The measured cases of yurt-manager on a real control plane.
    #[test]
    fn agrees_with_what_was_measured() {
        let killed = simulate(&fleet(30, 0), release(10, true));
        assert_eq!((killed.lost, killed.upgraded), (30, 30), "30 lost in about 5 s, at 10 %");
        let mostly_offline = simulate(&fleet(10, 20), release(50, false));
        assert_eq!(mostly_offline.most_down, 10, "all 10 Ready ones down at once, at 50 %");
        assert_eq!(nodes_return(&fleet(10, 0), Amount::Percent(10)).upgraded, 0);
    }

    #[test]
    fn a_good_release_keeps_its_budget_over_all_nodes() {
        let good = simulate(&fleet(52, 8), release(25, false));
        assert_eq!((good.allowed, good.most_down, good.upgraded, good.lost), (15, 15, 52, 0));
        assert_eq!(good.took, SignedDuration::from_secs(4), "four rounds");
    }

    #[test]
    fn a_fleet_that_is_gone_needs_nothing() {
        assert_eq!(simulate(&[], release(25, true)), Outcome { allowed: 1, ..Outcome::default() });
        assert_eq!(simulate(&fleet(0, 4), release(25, true)).upgraded, 0);
    }
}
