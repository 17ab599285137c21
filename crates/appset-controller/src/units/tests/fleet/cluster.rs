//! What the cluster makes of what is written: an API server that refuses some of it, and controllers that take their time.

use std::collections::BTreeMap;

use api::names::app_set as names;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Fleet;
use crate::plan::tests::world;
use crate::plan::{Action, Plan};

/// So many seconds a workload takes to be rolled out.
pub(super) const ROLLOUT: i64 = 3;

/// So many seconds later is tried again what was refused.
const RETRY: i64 = 2;

impl Fleet {
    /// Writes, and has Kubernetes begin what follows.
    pub(super) fn carry_out(&mut self, plan: &Plan, planned: &planner::rollout::Plan) {
        let (before, now) = (self.specs(), self.world.now);
        let mut plan = plan.clone();
        plan.steps.retain(|step| {
            if matches!(step.action, Action::Delete { .. }) || !self.refusing.contains(&step.pool) {
                self.refused.remove(&step.pool);
                return true;
            }
            let refused = self.refused.entry(step.pool.clone()).or_insert(("no".to_owned(), now));
            if refused.1 <= now {
                refused.1 = now + SignedDuration::from_secs(RETRY);
            }
            false
        });
        self.world.carry_out(&plan, usize::MAX);
        let after = self.specs();
        self.changing.retain(|pool, _| after.contains_key(pool));
        for step in &plan.steps {
            if matches!(step.action, Action::Delete { .. }) {
                continue;
            }
            let time = self.world.now;
            let managed = json!([{"manager": names::FIELD_MANAGER, "operation": "Apply", "time": time}]);
            self.world.workload(&step.pool)["metadata"]["managedFields"] = managed;
            if let Some(start) = planned.steps.iter().find(|start| *start.pool == *step.pool) {
                self.run.activate(start, self.world.now);
            }
            let template = |specs: &BTreeMap<String, Value>| specs.get(&step.pool).map(|spec| spec["template"].clone());
            if template(&before) != template(&after) {
                self.changing.insert(step.pool.clone(), self.world.now);
                let status = &mut self.world.workload(&step.pool)["status"];
                status["updatedReplicas"] = 0.into();
                if !before.contains_key(&step.pool) {
                    status["availableReplicas"] = 0.into();
                }
            }
        }
    }

    /// What happens in the pools: what is new is rolled out after a while, or gets into trouble.
    pub(super) fn kubernetes(&mut self) {
        let now = self.world.now;
        let due = |since: &Timestamp| now.duration_since(*since) >= SignedDuration::from_secs(ROLLOUT);
        let ripe: Vec<_> = self.changing.iter().filter(|(_, since)| due(since)).map(|(pool, _)| pool.clone()).collect();
        for pool in ripe.into_iter().filter(|pool| !self.dark.contains(pool)) {
            let fails = self.failing.contains(&pool) && self.of_newest().contains(&pool.as_str());
            let workload = self.world.workload(&pool);
            if fails {
                let trouble = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"});
                workload["status"]["conditions"] = json!([trouble]);
            } else {
                world::roll_out(workload);
                self.changing.remove(&pool);
            }
        }
    }
}
