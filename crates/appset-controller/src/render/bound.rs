//! A bound on the rolling update of a workload: what a strategy's `unit.maxUnavailablePerPool` becomes.
//!
//! It is no part of the pod template, so that its change alone restarts nothing.

use api::amount::IntOrPercent;
use api::names::app_set::WorkloadKind;
use planner::strategy::Amount;
use serde_json::{Value, json};

/// The strategy of a workload's update, and the only kind of it that knows a bound.
const ROLLING: &str = "RollingUpdate";

/// Puts the bound in. A workload that is replaced at once, or by hand, is left so.
pub(super) fn bound(kind: WorkloadKind, object: &mut Value, most: Amount) {
    let field = field(kind);
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let update = spec.entry(field).or_insert_with(|| json!({}));
    let Some(update) = update.as_object_mut() else { return };
    if update.get("type").is_some_and(|kind| kind != ROLLING) {
        return;
    }
    update.insert("type".to_owned(), ROLLING.into());
    let rolling = update.entry("rollingUpdate").or_insert_with(|| json!({}));
    if let Some(rolling) = rolling.as_object_mut() {
        rolling.insert("maxUnavailable".to_owned(), json!(IntOrPercent(most)));
    }
}

/// Whether an API server keeps the bound of a StatefulSet that it was sent: `answer` is what it made of `body`. One that does not know
/// the field there drops it without a word. Every one knows that of Deployments: where it is missing a webhook took it away, which says
/// nothing of StatefulSets.
pub fn keeps_bound(body: &Value, answer: &Value) -> bool {
    let path = format!("/spec/{}/rollingUpdate/maxUnavailable", field(WorkloadKind::StatefulSet));
    body.pointer(&path).is_none() || answer.pointer(&path).is_some()
}

pub(super) const fn field(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment => "strategy",
        WorkloadKind::StatefulSet => "updateStrategy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(kind: WorkloadKind, spec: &Value, most: Amount) -> Value {
        let mut object = json!({ "spec": spec });
        bound(kind, &mut object, most);
        object["spec"].take()
    }

    #[test]
    fn a_rolling_update_is_bounded_and_no_other_is_touched() {
        let rolling = |most: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": most}});
        let kind = WorkloadKind::Deployment;
        assert_eq!(bounded(kind, &json!({}), Amount::Percent(25)), json!({"strategy": rolling(json!("25%"))}));
        let given = json!({"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 3}}});
        let expected = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}});
        assert_eq!(bounded(kind, &given, Amount::Count(1)), json!({ "strategy": expected }));
        let recreate = json!({"strategy": {"type": "Recreate"}});
        assert_eq!(bounded(kind, &recreate, Amount::Count(1)), recreate);
        let kind = WorkloadKind::StatefulSet;
        let by_hand = json!({"updateStrategy": {"type": "OnDelete"}});
        assert_eq!(bounded(kind, &by_hand, Amount::Count(1)), by_hand);
        assert_eq!(bounded(kind, &json!({}), Amount::Count(2)), json!({"updateStrategy": rolling(json!(2))}));
        for odd in [json!({"updateStrategy": 1}), json!({"updateStrategy": {"rollingUpdate": []}})] {
            bounded(kind, &odd, Amount::Count(1));
        }
    }

    #[test]
    fn an_api_server_that_drops_the_bound_is_told_by_its_answer() {
        let body = json!({"spec": bounded(WorkloadKind::StatefulSet, &json!({}), Amount::Count(2))});
        assert!(keeps_bound(&body, &body) && keeps_bound(&json!({}), &json!({})));
        assert!(!keeps_bound(&body, &json!({"spec": {"updateStrategy": {"type": "RollingUpdate"}}})));
        let deployment = json!({"spec": bounded(WorkloadKind::Deployment, &json!({}), Amount::Count(2))});
        assert!(
            keeps_bound(&deployment, &json!({"spec": {"strategy": {"type": "RollingUpdate"}}})),
            "a webhook's doing"
        );
    }
}
