//! How far the targets are that a strategy lets go first: by the planner, as the service sees it, from their own snapshots.

use planner::rollout::{Met, Progress};
use planner::strategy::{self as plan, Dependency, Timing};

use super::{Freshness, Snapshot, read};
use crate::reach::Cluster;
use crate::target::{Kind, Target, find};

/// The kind whose runs can be planned here.
const OWN: (&str, &str) = ("apps/v1", "DaemonSet");

impl Snapshot {
    /// Asks about everything that this strategy waits for.
    pub async fn ask_dependencies(
        &mut self,
        cluster: &Cluster,
        strategy: &plan::Strategy,
        timing: &Timing,
        how: Freshness,
    ) {
        let there = Cluster { namespace: self.daemon_set.metadata.namespace.clone(), ..cluster.clone() };
        self.dependencies.clear();
        for dependency in &strategy.depends_on {
            let progress = of(&there, dependency, timing, how).await;
            self.dependencies.push(progress);
        }
    }
}

/// What cannot be read is not known, as the service has it.
async fn of(cluster: &Cluster, dependency: &Dependency, timing: &Timing, how: Freshness) -> Progress {
    let unknown = || Progress::everywhere(Met::Unknown);
    if (&*dependency.api_version, &*dependency.kind) != OWN {
        return unknown();
    }
    let snapshot = match read(cluster, &cluster.namespace, &dependency.name, how).await {
        Ok(snapshot) => snapshot,
        Err(error) if error.is_not_found() => return Progress::everywhere(Met::No),
        Err(_) => return unknown(),
    };
    let target = Target { kind: Some(Kind::DaemonSet), name: dependency.name.to_string() };
    let Ok(run) = find(cluster, &target).await else { return unknown() };
    let is_newest = snapshot.newest().is_some_and(|newest| newest.revision == run.spec.revision.number);
    if !is_newest || !snapshot.daemon_set.is_observed() {
        return unknown();
    }
    snapshot.plan_run(&run, timing).map_or_else(|_| unknown(), |planned| Progress::of(&planned.plan.report))
}
