//! What is known of a cluster: YurtAppSets, NodePools, the workloads that bear a YurtAppSet's label, and its revisions.

mod pool;
mod revision;
mod set;
mod workload;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::fleet_rollout::FleetRollout;
use api::names::app_set as names;
use api::node_pool::NodePool;
use api::yurt_app_set::YurtAppSet;
use controller_runtime::mirror::Mirror;
use controller_runtime::watch::WatchTarget;
use k8s_openapi::api::apps::v1 as apps;
use planner::fleet::Name;

use crate::pools::Pool;
pub(crate) use pool::SeenPool;
pub(crate) use revision::SeenRevision;
pub(crate) use set::{SeenSet, Unreadable};
pub(crate) use workload::{Deployment, StatefulSet, Workload};

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Mirrors {
    pub(crate) sets: Mirror<SeenSet>,
    pub(crate) node_pools: Mirror<SeenPool>,
    pub(crate) deployments: Mirror<Deployment>,
    pub(crate) stateful_sets: Mirror<StatefulSet>,
    pub(crate) revisions: Mirror<SeenRevision>,
    /// The NodePools as plans take them, by name, until one of them changes.
    pools: Mutex<Option<Arc<[Pool]>>>,
}

/// What is watched. Workloads and revisions without the label are nobody's; one of ours that lost it is seen by a quorum read before
/// anything is made in its place.
pub(crate) mod target {
    use super::{NodePool, WatchTarget, YurtAppSet, apps, names};

    pub(crate) fn sets() -> WatchTarget {
        WatchTarget::of::<YurtAppSet>(None)
    }

    pub(crate) fn node_pools() -> WatchTarget {
        WatchTarget::of::<NodePool>(None)
    }

    pub(crate) fn deployments() -> WatchTarget {
        WatchTarget::of::<apps::Deployment>(None).labels(names::SET)
    }

    pub(crate) fn stateful_sets() -> WatchTarget {
        WatchTarget::of::<apps::StatefulSet>(None).labels(names::SET)
    }

    pub(crate) fn revisions() -> WatchTarget {
        WatchTarget::of::<apps::ControllerRevision>(None).labels(names::SET)
    }
}

/// By what everything of a YurtAppSet is looked up: `<namespace>/<name>`.
pub(crate) fn key(namespace: &str, name: &str) -> Name {
    format!("{namespace}/{name}").into()
}

impl Mirrors {
    /// All NodePools, by name.
    pub(crate) fn pools(&self) -> Arc<[Pool]> {
        let all = || {
            let mut all: Vec<_> = self.node_pools.all().iter().map(|seen| seen.pool.clone()).collect();
            all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            // Of two, which a full list shows that names one and not yet not the other, either will do: names are what counts.
            all.dedup_by(|one, other| one.name == other.name);
            all.into()
        };
        self.known_pools().get_or_insert_with(all).clone()
    }

    /// A NodePool changed.
    pub(crate) fn pools_changed(&self) {
        *self.known_pools() = None;
    }

    /// How many workloads a YurtAppSet has, by its key.
    pub(crate) fn workloads(&self, key: &Name) -> usize {
        self.deployments.count(&**key) + self.stateful_sets.count(&**key)
    }

    /// Starts every watch over.
    pub(crate) fn relist(&self) {
        self.sets.relist();
        self.node_pools.relist();
        self.deployments.relist();
        self.stateful_sets.relist();
        self.revisions.relist();
    }

    /// Whether each of them is complete.
    pub(crate) fn is_listed(&self) -> bool {
        self.sets.is_listed()
            && self.node_pools.is_listed()
            && self.deployments.is_listed()
            && self.stateful_sets.is_listed()
            && self.revisions.is_listed()
    }

    /// For how long the watch that was silent longest has shown nothing, that of runs among them, by which they are paused; `None` while
    /// one has never shown anything.
    pub(crate) fn silence(&self, runs: &Mirror<FleetRollout>) -> Option<Duration> {
        let Self { sets, node_pools, deployments, stateful_sets, revisions: _, pools: _ } = self;
        let heard = [sets.heard()?, node_pools.heard()?, deployments.heard()?, stateful_sets.heard()?, runs.heard()?];
        heard.iter().map(Instant::elapsed).max()
    }

    fn known_pools(&self) -> MutexGuard<'_, Option<Arc<[Pool]>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
