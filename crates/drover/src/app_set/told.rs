//! What a YurtAppSet's own status says beside its run.

use api::names::app_set::{condition, condition_reason as reason};
use api::yurt_app_set::{YurtAppSet, YurtAppSetCondition};

/// Conditions that say what is not as the spec says.
const TOLD: [&str; 4] =
    [condition::POOL_FOUND, condition::APP_DISPATCHED, condition::APP_UPDATED, condition::APP_DELETED];

/// Whether its newest spec was not looked at yet.
pub fn is_behind(set: &YurtAppSet) -> bool {
    let observed = set.status.as_ref().and_then(|status| status.observed_generation);
    observed.unwrap_or(0) < set.metadata.generation.unwrap_or(0)
}

/// What somebody should know who looks at its newest run, which is (`newest`) or is not that of its spec. What a run says itself,
/// that pools wait for their turn, is not said again.
pub fn notices(set: &YurtAppSet, newest: bool) -> Vec<String> {
    if set.metadata.deletion_timestamp.is_some() {
        return vec!["it is being deleted".to_owned()];
    }
    if is_behind(set) {
        return vec!["its newest spec was not looked at yet: is appset-controller running?".to_owned()];
    }
    let waits = [reason::CREATE_WORKLOAD_HELD, reason::UPDATE_WORKLOAD_HELD];
    let told = conditions(set).filter(|told| !newest || !waits.contains(&told.reason.as_str()));
    let mut said: Vec<String> = Vec::new();
    for YurtAppSetCondition { kind, reason, message, .. } in told {
        // The same may keep workloads from being made and from being changed.
        if said.iter().all(|said| !said.ends_with(message.as_str())) {
            said.push(format!("{kind} is False ({reason}): {message}"));
        }
    }
    if !newest && said.is_empty() {
        said.push("its newest spec has no run yet".to_owned());
    } else if !newest {
        said.insert(
            0,
            "its newest spec has no run, for the reason below; what is shown is the run before it".to_owned(),
        );
    }
    said
}

fn conditions(set: &YurtAppSet) -> impl Iterator<Item = &YurtAppSetCondition> {
    let all = set.status.iter().flat_map(|status| &status.conditions);
    all.filter(|told| told.status == "False" && TOLD.contains(&told.kind.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(observed: i64, conditions: &Value) -> YurtAppSet {
        serde_json::from_value(json!({
            "apiVersion": "apps.openyurt.io/v1beta1", "kind": "YurtAppSet",
            "metadata": {"name": "web", "namespace": "edge", "generation": 3}, "spec": {},
            "status": {"observedGeneration": observed, "conditions": conditions},
        }))
        .unwrap()
    }

    fn condition(kind: &str, reason: &str, message: &str) -> Value {
        json!({"type": kind, "status": "False", "reason": reason, "message": message})
    }

    #[test]
    fn a_spec_that_nobody_looked_at_says_so_and_nothing_else() {
        let behind = set(2, &json!([condition("AppUpdated", "UpdateWorkloadError", "no")]));
        assert!(is_behind(&behind) && notices(&behind, true)[0].contains("is appset-controller running?"));
        assert_eq!(notices(&set(3, &json!([])), true), [""; 0]);
    }

    #[test]
    fn errors_are_said_once_and_turns_only_where_no_run_says_them() {
        let refused = condition("AppDispatched", "CreateWorkloadError", "a: no such thing");
        let twice = set(3, &json!([refused, condition("AppUpdated", "UpdateWorkloadError", "a: no such thing")]));
        assert_eq!(notices(&twice, true), ["AppDispatched is False (CreateWorkloadError): a: no such thing"]);
        let held = set(3, &json!([condition("AppUpdated", "UpdateWorkloadHeld", "a: held: a yurt-manager lives")]));
        assert_eq!(notices(&held, true), [""; 0]);
        let said = notices(&held, false);
        assert!(
            said[0].starts_with("its newest spec has no run") && said[1].ends_with("a yurt-manager lives"),
            "{said:?}"
        );
    }
}
