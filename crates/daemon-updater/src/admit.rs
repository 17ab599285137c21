//! First step: is this DaemonSet ours to upgrade, and by which budget? Parsed once, refused with a reason.

use api::annotations::{self, BadAnnotation, UpdateStrategy};
use api::daemon_set::DaemonSet;
use api::names;
use controller_runtime::rollouts;
use jiff::SignedDuration;
use planner::fleet::Uid;
use planner::placement::Placement;
use planner::strategy::Amount;

use crate::rollback::RolledBack;

/// A DaemonSet that Drover upgrades.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) uid: Uid,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Counts changes of its spec.
    pub(crate) generation: i64,
    /// The DaemonSet controller has acted on this generation.
    pub(crate) observed: bool,
    /// Of the annotation; the budget of a run without a RolloutStrategy.
    pub(crate) budget: Amount,
    /// The RolloutStrategy that it names.
    pub(crate) strategy: Option<String>,
    /// The rollback that was done last.
    pub(crate) rolled_back: Option<RolledBack>,
    pub(crate) min_ready: SignedDuration,
    pub(crate) placement: Placement,
    /// Old runs that are kept.
    pub(crate) history: usize,
}

impl Target {
    /// As far as its runs are about it.
    pub(crate) fn of_runs(&self) -> rollouts::Target<'_> {
        let Self { uid, namespace, name, strategy, history, .. } = self;
        rollouts::Target { namespace, name, uid: *uid, strategy: strategy.as_deref(), history: *history }
    }
}

/// What a DaemonSet is to Drover.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Upgraded by Drover.
    Ours(Box<Target>),
    /// It asks for nothing, for an OTA upgrade, or is being deleted.
    NotOurs,
    /// It asks for an upgrade in a way that cannot be followed.
    Refused(Refusal),
}

/// Why a DaemonSet is not upgraded though it asks for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}; nothing is upgraded until it is corrected")]
    Annotation(#[from] BadAnnotation),
    #[error(
        "annotation {}: {strategy:?} needs spec.updateStrategy.type OnDelete, it is {found:?}; nothing is upgraded until it is corrected",
        names::UPDATE_STRATEGY
    )]
    NotOnDelete { strategy: String, found: String },
}

/// Decides.
pub(crate) fn admit(daemon_set: &DaemonSet) -> Admission {
    match parse(daemon_set) {
        Ok(Some(target)) => Admission::Ours(Box::new(target)),
        Ok(None) => Admission::NotOurs,
        Err(refusal) => Admission::Refused(refusal),
    }
}

fn parse(daemon_set: &DaemonSet) -> Result<Option<Target>, Refusal> {
    let DaemonSet { metadata, spec, .. } = daemon_set;
    let strategy = annotations::update_strategy(&metadata.annotations)?;
    match strategy {
        Some(UpdateStrategy::Auto) if !daemon_set.is_terminating() => {}
        Some(UpdateStrategy::Auto | UpdateStrategy::Ota) | None => return Ok(None),
    }
    if !daemon_set.is_on_delete() {
        let strategy = metadata.annotations.get(names::UPDATE_STRATEGY).cloned().unwrap_or_default();
        return Err(Refusal::NotOnDelete { strategy, found: spec.update_strategy.kind.clone() });
    }
    Ok(Some(Target {
        uid: metadata.uid.parse().unwrap_or_default(),
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        generation: metadata.generation,
        observed: daemon_set.is_observed(),
        budget: annotations::max_unavailable(&metadata.annotations)?,
        strategy: annotations::strategy(metadata.annotations.get(names::STRATEGY).map(String::as_str))?,
        rolled_back: metadata.annotations.get(names::ROLLED_BACK).and_then(|value| RolledBack::parse(value)),
        min_ready: daemon_set.min_ready(),
        placement: spec.template.spec.placement(),
        history: daemon_set.history_limit(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admitted(annotations: &serde_json::Value, kind: &str) -> Admission {
        let daemon_set = json!({
            "metadata": {"name": "agent", "namespace": "edge", "uid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "annotations": annotations},
            "spec": {"updateStrategy": {"type": kind}},
        });
        admit(&serde_json::from_value(daemon_set).unwrap())
    }

    #[test]
    fn only_auto_with_on_delete_is_ours() {
        for value in ["auto", "AUTO", "AdvancedRollingUpdate", "advancedrollingupdate"] {
            let Admission::Ours(target) = admitted(&json!({ names::UPDATE_STRATEGY: value }), "OnDelete") else {
                panic!("{value} is ours");
            };
            assert_eq!(target.budget, Amount::Percent(10));
        }
        for value in ["OTA", "ota"] {
            assert!(matches!(admitted(&json!({ names::UPDATE_STRATEGY: value }), "OnDelete"), Admission::NotOurs));
        }
        assert!(matches!(admitted(&json!({}), "RollingUpdate"), Admission::NotOurs));
    }

    #[test]
    fn what_cannot_be_followed_names_key_value_and_what_is_allowed() {
        for (annotations, kind, words) in [
            (
                json!({ names::UPDATE_STRATEGY: "auto" }),
                "RollingUpdate",
                vec![names::UPDATE_STRATEGY, "\"RollingUpdate\"", "OnDelete"],
            ),
            (
                json!({ names::UPDATE_STRATEGY: "fast" }),
                "OnDelete",
                vec![names::UPDATE_STRATEGY, "\"fast\"", "AdvancedRollingUpdate"],
            ),
            (
                json!({ names::UPDATE_STRATEGY: "auto", names::MAX_UNAVAILABLE: "some" }),
                "OnDelete",
                vec![names::MAX_UNAVAILABLE, "\"some\"", "%"],
            ),
            (
                json!({ names::UPDATE_STRATEGY: "auto", names::STRATEGY: "In Waves" }),
                "OnDelete",
                vec![names::STRATEGY, "\"In Waves\"", "RolloutStrategy"],
            ),
        ] {
            let Admission::Refused(refusal) = admitted(&annotations, kind) else { panic!("refused: {words:?}") };
            for word in words {
                assert!(refusal.to_string().contains(word), "{refusal} names {word}");
            }
        }
    }
}
