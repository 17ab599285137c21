//! Pools, runs by strategies, approvals.

use serde_json::{Value, json};

use super::{Kind, Story};

/// The UID of the run of revision `b`.
pub(in super::super) const RUN: &str = "run-of-b";

impl Story {
    /// Pools p1, p2, … of so many Ready nodes each (n1, n2, … through all pools), with pods of revision `a` of the DaemonSet
    /// `agent`. Revision `b` is published at 0, its run at 100, by a strategy that the DaemonSet names. The annotation
    /// allows everything.
    pub(in super::super) fn in_waves(pools: &[u32], strategy: &Value) -> Self {
        let mut story = Self::begun(pools.iter().sum(), "100%");
        let mut nodes = 1..;
        for (pool, size) in (1..).zip(pools) {
            for node in nodes.by_ref().take(*size as usize) {
                story.join(-45_000, &format!("n{node}"), &format!("p{pool}"));
            }
        }
        story.revision(0, "agent", "b", 2);
        story.begin_run(100, Some("careful"), Some(strategy));
        story
    }

    /// A node joins a pool.
    pub(in super::super) fn join(&mut self, at: i64, node: &str, pool: &str) {
        self.nodes.get_mut(node).unwrap()["metadata"]["labels"] = json!({"apps.openyurt.io/nodepool": pool});
        self.publish_node(at, node, false);
    }

    /// A NodePool gets these labels.
    pub(in super::super) fn label(&mut self, at: i64, pool: &str, labels: &Value) {
        let metadata = json!({"name": pool, "uid": format!("uid-{pool}"), "labels": labels});
        let object = json!({"apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool", "metadata": metadata});
        self.publish(at, Kind::Pool, object, false);
    }

    /// The run of revision `b` begins.
    pub(in super::super) fn begin_run(&mut self, at: i64, name: Option<&str>, strategy: Option<&Value>) {
        let target = self.sets["agent"].0["metadata"]["uid"].clone();
        self.run = json!({
            "metadata": {"namespace": "edge", "name": "agent-r2", "uid": RUN},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": target},
                "revision": {"name": "agent-b", "number": 2},
            },
        });
        self.change_run(at, |run| {
            run["spec"]["strategyName"] = json!(name);
            run["spec"]["strategy"] = json!(strategy);
        });
    }

    /// Something of the run changes.
    pub(in super::super) fn change_run(&mut self, at: i64, change: impl FnOnce(&mut Value)) {
        change(&mut self.run);
        let run = self.run.clone();
        self.publish(at, Kind::Run, run, false);
    }

    /// Somebody decides on a wave of this run.
    pub(in super::super) fn decide(&mut self, at: i64, run: &str, wave: &str, point: &str, decision: &str) {
        let name = format!("agent-r2-{wave}");
        let spec = json!({
            "rolloutRef": {"name": "agent-r2", "uid": run}, "wave": wave, "point": point,
            "decision": decision, "approver": "alice",
        });
        let object = json!({
            "apiVersion": "drover.dev/v1alpha1", "kind": "ApprovalRequest",
            "metadata": {"namespace": "edge", "name": name, "uid": name}, "spec": spec,
        });
        self.publish(at, Kind::Approval, object, false);
    }
}
