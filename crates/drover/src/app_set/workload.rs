//! A Deployment or StatefulSet, with what only people ask about.

use api::names::app_set::WorkloadKind;
use appset_controller::children::Child;
use jiff::Timestamp;
use serde_json::Value;

/// A Deployment or StatefulSet.
#[derive(Debug, Clone)]
pub struct Workload {
    /// As appset-controller reads it.
    pub child: Child,
    /// When its last update was done, where Kubernetes says so.
    pub rolled_out: Option<Timestamp>,
    /// Why it does not get on, in Kubernetes' words.
    pub trouble: Option<String>,
}

impl Workload {
    /// Reads an object.
    pub fn read(kind: WorkloadKind, object: &Value) -> Self {
        let condition = |kind: &str, status: &str| {
            let mut conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
            conditions.find(|condition| condition["type"] == kind && condition["status"] == status)
        };
        let done = condition("Progressing", "True").filter(|done| done["reason"] == "NewReplicaSetAvailable");
        let trouble = condition("ReplicaFailure", "True").or_else(|| condition("Progressing", "False"));
        Self {
            child: Child::read(kind, object),
            rolled_out: done.and_then(|done| done["lastUpdateTime"].as_str()?.parse().ok()),
            trouble: trouble.and_then(|trouble| trouble["message"].as_str()).map(str::to_owned),
        }
    }

    /// How long its last update took, as far as both ends are known.
    pub fn took(&self) -> Option<std::time::Duration> {
        let took = self.rolled_out?.duration_since(self.child.applied?);
        took.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_kubernetes_says_of_an_update_is_read() {
        let managed = json!([{
            "manager": api::names::app_set::FIELD_MANAGER, "operation": "Apply", "time": "2026-11-22T00:00:10Z",
        }]);
        let object = |conditions: Value| {
            let metadata = json!({"name": "web-a", "managedFields": managed});
            json!({"metadata": metadata, "status": {"conditions": conditions}})
        };
        let done = json!({
            "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
            "lastUpdateTime": "2026-11-22T00:00:40Z", "message": "done",
        });
        let read = Workload::read(WorkloadKind::Deployment, &object(json!([done])));
        assert_eq!((read.took(), read.trouble), (Some(Duration::from_secs(30)), None));
        let late = json!({"type": "Progressing", "status": "False", "message": "has timed out progressing."});
        let quota = json!({"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"});
        let read = Workload::read(WorkloadKind::Deployment, &object(json!([late, quota])));
        assert_eq!((read.took(), read.trouble.as_deref()), (None, Some("exceeded quota")));
    }
}
