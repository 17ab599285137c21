//! A YurtAppSet that has no run: whether it is there, and what its own status says.

use api::yurt_app_set::YurtAppSet;

use crate::app_set::{get, is_behind, notices};
use crate::reach::Cluster;

/// Why a YurtAppSet has no run, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrun {
    /// There is none of that name.
    #[error(
        "there is no YurtAppSet of that name\n→ `kubectl get yas -A` shows those that are there; use -n for another namespace"
    )]
    Absent,
    /// Nobody looked at it.
    #[error(
        "the YurtAppSet is there, but nobody has looked at its newest spec\n→ `kubectl get pods -A | grep appset-controller` shows whether \
         Drover's service runs; where yurt-manager drives it there are no rollouts"
    )]
    Unseen,
    /// Something is in the way.
    #[error("the YurtAppSet is there, but nothing is begun for it:\n  {}\n→ kubectl describe yas shows all that is known of it", .0.join("\n  "))]
    Told(Vec<String>),
}

/// Asks the cluster; `None` where the user may not, or nothing is to be said.
pub(super) async fn ask(cluster: &Cluster, name: &str) -> Option<Unrun> {
    match get(cluster, &cluster.namespace, name).await {
        Ok(set) => Some(of(&set)),
        Err(error) if error.is_not_found() => Some(Unrun::Absent),
        Err(_) => None,
    }
}

fn of(set: &YurtAppSet) -> Unrun {
    if is_behind(set) {
        return Unrun::Unseen;
    }
    // It has no run: what it waits for nobody else says.
    let mut told = notices(set, false);
    if told.len() > 1 {
        told.remove(0);
    }
    Unrun::Told(told)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(status: &Value) -> YurtAppSet {
        serde_json::from_value(json!({"metadata": {"name": "web", "generation": 1}, "spec": {}, "status": status}))
            .unwrap()
    }

    #[test]
    fn a_set_without_a_run_says_why_and_what_to_do() {
        assert_eq!(of(&set(&json!(null))), Unrun::Unseen);
        let held = json!({"type": "AppDispatched", "status": "False", "reason": "CreateWorkloadHeld", "message": "a: held: b"});
        let said = of(&set(&json!({"observedGeneration": 1, "conditions": [held]}))).to_string();
        assert!(said.contains("\n  AppDispatched is False (CreateWorkloadHeld): a: held: b\n→ "), "{said}");
        let quiet = of(&set(&json!({"observedGeneration": 1})));
        assert_eq!(quiet, Unrun::Told(vec!["its newest spec has no run yet".to_owned()]));
    }
}
