//! How far the targets are that a strategy lets go first: by the planner, as the services see it, from their own snapshots.

use planner::rollout::{Met, Progress};
use planner::strategy::{self as plan, Dependency, Timing};

use super::{Freshness, Snapshot, read};
use crate::app_set;
use crate::reach::Cluster;
use crate::target::{Kind, Target, find};

impl Snapshot {
    /// Asks about everything that this strategy waits for.
    pub async fn ask_dependencies(
        &mut self,
        cluster: &Cluster,
        strategy: &plan::Strategy,
        timing: &Timing,
        how: Freshness,
    ) {
        self.dependencies = ask(cluster, &self.daemon_set.metadata.namespace, strategy, timing, how).await;
    }
}

/// How far each dependency of a strategy of this namespace is, in its order. What cannot be read is not known, as the services have
/// it.
pub(crate) async fn ask(
    cluster: &Cluster,
    namespace: &str,
    strategy: &plan::Strategy,
    timing: &Timing,
    how: Freshness,
) -> Vec<Progress> {
    let there = Cluster { namespace: namespace.to_owned(), ..cluster.clone() };
    let mut progress = Vec::new();
    for dependency in &strategy.depends_on {
        let found = match kind(dependency) {
            Some(Kind::DaemonSet) => daemon_set(&there, dependency, timing, how).await,
            Some(Kind::YurtAppSet) => app_set(&there, dependency, timing, how).await,
            Some(Kind::FleetRollout) | None => Progress::everywhere(Met::Unknown),
        };
        progress.push(found);
    }
    progress
}

/// Whose runs can be planned here.
fn kind(dependency: &Dependency) -> Option<Kind> {
    let group = dependency.api_version.split_once('/').map_or("", |(group, _)| group);
    match (group, &*dependency.kind) {
        ("apps", "DaemonSet") => Some(Kind::DaemonSet),
        ("apps.openyurt.io", "YurtAppSet") => Some(Kind::YurtAppSet),
        _ => None,
    }
}

async fn daemon_set(cluster: &Cluster, dependency: &Dependency, timing: &Timing, how: Freshness) -> Progress {
    let unknown = || Progress::everywhere(Met::Unknown);
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

async fn app_set(cluster: &Cluster, dependency: &Dependency, timing: &Timing, how: Freshness) -> Progress {
    let unknown = || Progress::everywhere(Met::Unknown);
    let app_set = match app_set::read(cluster, &cluster.namespace, &dependency.name, how).await {
        Ok(app_set) => app_set,
        Err(error) if error.is_not_found() => return Progress::everywhere(Met::No),
        Err(_) => return unknown(),
    };
    let target = Target { kind: Some(Kind::YurtAppSet), name: dependency.name.to_string() };
    let Ok(run) = find(cluster, &target).await else { return unknown() };
    if app_set::is_behind(&app_set.set) || !app_set.is_newest(&run) {
        return unknown();
    }
    app_set.plan_run(&run, timing).map_or_else(|_| unknown(), |planned| Progress::of(&planned.plan.report))
}
