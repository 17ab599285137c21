//! Six known bugs, one of which the environment variable `DROVER_SEEDED_BUG` turns on. Only in builds with the feature
//! `seeded-bugs`: before the audit-log checker's silence means anything, it must have caught each of these.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams};
use planner::fleet::{Link, Node};
use planner::rollout::{self, Input, Plan, Restart, Run, Unit};
use planner::strategy::{Amount, Waves};

use crate::commit::Fate;
use crate::context::Context;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// One unit more than the budget allows.
    BudgetOffByOne,
    /// Nodes that are not Ready get their turn like any other.
    NotReadyNotSkipped,
    /// The percentage is of all nodes, not of the reachable ones.
    DenominatorAllNodes,
    /// Deletes name no UID.
    NoUid,
    /// The revision that was the newest at first stays the target.
    SupersededRevision,
    /// All pools have their turn at once.
    WavesIgnored,
}

impl Bug {
    const ALL: [(&'static str, Self); 6] = [
        ("budget-off-by-one", Self::BudgetOffByOne),
        ("not-ready-not-skipped", Self::NotReadyNotSkipped),
        ("denominator-all-nodes", Self::DenominatorAllNodes),
        ("no-uid", Self::NoUid),
        ("superseded-revision", Self::SupersededRevision),
        ("waves-ignored", Self::WavesIgnored),
    ];

    /// Whether it is the one that is turned on.
    pub(crate) fn is_on(self) -> bool {
        let chosen = std::env::var("DROVER_SEEDED_BUG").unwrap_or_default();
        Self::ALL.iter().any(|(name, bug)| *bug == self && *name == chosen)
    }
}

/// Plans with the bug that is turned on.
pub(crate) fn plan(input: &Input<'_>, run: Run) -> Plan {
    let mut strategy = input.strategy.clone();
    let eligible = input.units.iter().filter(|unit| unit.eligible).count();
    let reachable = |unit: &&Unit<'_>| {
        unit.eligible && unit.node.link.ready_since().is_some_and(|at| at + input.timing.reachable_after <= input.now)
    };
    let all = u32::try_from(eligible).unwrap_or(u32::MAX);
    let near = u32::try_from(input.units.iter().filter(reachable).count()).unwrap_or(u32::MAX);
    if Bug::BudgetOffByOne.is_on() {
        strategy.max_unavailable = Amount::Count(strategy.max_unavailable.allowed(near) + 1);
        strategy.min_observed += 1;
    }
    if Bug::DenominatorAllNodes.is_on() {
        strategy.max_unavailable = Amount::Count(strategy.max_unavailable.allowed(all));
        strategy.min_observed = all;
    }
    if Bug::WavesIgnored.is_on() {
        strategy.waves = Waves::one();
    }
    let nodes: Vec<Node> = input.units.iter().map(|unit| deceived(unit.node, input)).collect();
    let units: Vec<_> = input.units.iter().zip(&nodes).map(|(unit, node)| Unit { node, ..*unit }).collect();
    let mut target = input.target.clone();
    if Bug::SupersededRevision.is_on()
        && let Some(first) = input.target.known.iter().find(|hash| **hash != input.target.revision)
    {
        target.revision = first.clone();
    }
    let input = Input {
        target,
        strategy: &strategy,
        units: &units,
        control: input.control.clone(),
        held: input.held.clone(),
        ..*input
    };
    rollout::plan(&input, run)
}

fn deceived(node: &Node, input: &Input<'_>) -> Node {
    let mut node = node.clone();
    if Bug::NotReadyNotSkipped.is_on() && node.link.ready_since().is_none() {
        node.link = Link::Ready(input.now - input.timing.reachable_after);
    }
    node
}

/// Deletes whatever has the pod's name.
pub(crate) async fn delete_without_uid(context: &Context, namespace: &str, step: &Restart) -> Fate {
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), namespace);
    match pods.delete(&step.pod, &DeleteParams::default()).await {
        Ok(_) => Fate::Accepted,
        Err(error) => Fate::Refused(error.to_string(), None),
    }
}
