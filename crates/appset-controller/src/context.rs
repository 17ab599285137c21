//! What reconciles share: mirrors, the queue, the lease, and what is remembered of each YurtAppSet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::yurt_app_set::YurtAppSet;
use controller_runtime::client::Writer;
use controller_runtime::events::EventRecorder;
use controller_runtime::lease::{Gate, Leadership, Neighbour};
use controller_runtime::queue::Queue;
use controller_runtime::rollouts::Desk;
use jiff::Timestamp;
use kube::Client;
use planner::fleet::{Name, Uid};
use planner::strategy::{Amount, Timing};
use serde::Serialize;
use tokio::sync::{Notify, Semaphore, watch};

use crate::config::Config;
use crate::memory::Memories;
use crate::metrics::Metrics;
use crate::mirrors::Mirrors;
use crate::reach::Reachable;

/// Changes of workloads come in bursts, most of them of counts, and are looked at together, this long after the first.
const WORKLOADS: Duration = Duration::from_millis(200);

/// A look costs the more the more workloads a YurtAppSet has, and these change the more often: what a change costs stays the same when
/// looks are the rarer. So much later for each workload, and at most so late; a quarter of it where a pool waits that may have its turn
/// by what changed.
const PER_WORKLOAD: Duration = Duration::from_millis(4);
const LATEST: Duration = Duration::from_secs(5);

/// Changes of NodePools come in bursts too, and may touch every YurtAppSet.
const POOLS: Duration = Duration::from_millis(100);

/// What all reconciles share.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) writer: Writer,
    pub(crate) config: Config,
    pub(crate) timing: Timing,
    pub(crate) mirrors: Mirrors,
    /// Their runs.
    pub(crate) desk: Arc<Desk>,
    pub(crate) queue: Queue<Uid>,
    pub(crate) leadership: Leadership,
    pub(crate) neighbour: watch::Receiver<Neighbour>,
    /// Which pools are reachable.
    pub(crate) reachable: Reachable,
    pub(crate) events: EventRecorder,
    pub(crate) gate: Gate,
    pub(crate) memories: Memories,
    pub(crate) metrics: Metrics,
    /// The API server keeps the bound of a StatefulSet's rolling update, as far as is known.
    pub(crate) keeps_bounds: AtomicBool,
    /// A turn for each write of a workload under way.
    pub(crate) writes: Semaphore,
    /// Rung when a mirror has completed a full list.
    pub(crate) listed: Arc<Notify>,
    /// When this replica began to act: what it deleted before it does not know.
    pub(crate) began: Mutex<Timestamp>,
}

impl Context {
    /// A YurtAppSet came, changed or went. A status is most often the one just written, which the watch shows before the answer comes.
    pub(crate) fn on_set(&self, key: Option<&Name>) {
        let Some(key) = key else { return self.listed.notify_one() };
        let sets = self.mirrors.sets.of(&**key);
        let there: Vec<Uid> = sets.iter().map(|set| set.uid).collect();
        self.memories.keep(key, &there).into_iter().for_each(|gone| self.desk.release(gone));
        for set in sets {
            let delay = if set.is_news() { Duration::ZERO } else { self.patience(key, set.uid) };
            self.queue.add_after(set.uid, delay);
        }
    }

    /// A workload or a revision of a YurtAppSet changed.
    pub(crate) fn on_belonging(&self, key: Option<&Name>) {
        let Some(key) = key else { return self.listed.notify_one() };
        for set in self.mirrors.sets.of(&**key) {
            self.queue.add_after(set.uid, self.patience(key, set.uid));
        }
    }

    /// A NodePool came, changed or went: it concerns who names it and who chooses by labels.
    pub(crate) fn on_pool(&self, pool: Option<&Name>) {
        self.mirrors.pools_changed();
        let Some(pool) = pool else { return self.listed.notify_one() };
        self.queue.set_fleet_size(self.mirrors.node_pools.len());
        for seen in self.mirrors.sets.all() {
            let Ok(set) = &seen.read else { continue };
            if set.spec.nodepool_selector.is_some() || set.spec.pools.iter().any(|name| **name == **pool) {
                self.queue.add_after(seen.uid, POOLS);
            }
        }
    }

    /// How long changes of what belongs to a YurtAppSet are gathered.
    fn patience(&self, key: &Name, set: Uid) -> Duration {
        patience(self.mirrors.workloads(key), self.memories.has_waiting(set))
    }

    /// The bound of each workload's own rolling update, where the API server keeps it.
    pub(crate) fn bound(&self, set: &YurtAppSet, given: Option<Amount>) -> Option<Amount> {
        let is_stateful = set.spec.workload.0.pointer("/workloadTemplate/statefulSetTemplate").is_some();
        given.filter(|_| !is_stateful || self.keeps_bounds.load(Ordering::Relaxed))
    }

    /// Whether every mirror is complete.
    pub(crate) fn is_listed(&self) -> bool {
        self.mirrors.is_listed() && self.desk.is_listed()
    }

    /// The YurtAppSet is gone, or is going.
    pub(crate) fn forget(&self, set: Uid) {
        self.memories.forget(set);
        self.desk.release(set);
    }

    /// Something changed that concerns every YurtAppSet.
    pub(crate) fn wake_all(&self) {
        self.mirrors.sets.all().iter().for_each(|set| self.queue.add(set.uid));
    }

    /// When this replica began to act.
    pub(crate) fn began(&self) -> Timestamp {
        *self.began.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long changes of so many workloads are gathered.
fn patience(workloads: usize, has_waiting: bool) -> Duration {
    let most = PER_WORKLOAD.saturating_mul(u32::try_from(workloads).unwrap_or(u32::MAX)).min(LATEST);
    let most = if has_waiting { most / 4 } else { most };
    most.max(WORKLOADS)
}

/// The mirrors in numbers, for `AdminService.Dump`.
#[derive(Debug, Serialize)]
pub(crate) struct MirrorDump {
    listed: bool,
    yurt_app_sets: usize,
    node_pools: usize,
    deployments: usize,
    stateful_sets: usize,
    revisions: usize,
    rollouts: usize,
    strategies: usize,
    approvals: usize,
}

impl MirrorDump {
    pub(crate) fn of(context: &Context) -> Self {
        let mirrors = &context.mirrors;
        Self {
            listed: context.is_listed(),
            yurt_app_sets: mirrors.sets.len(),
            node_pools: mirrors.node_pools.len(),
            deployments: mirrors.deployments.len(),
            stateful_sets: mirrors.stateful_sets.len(),
            revisions: mirrors.revisions.len(),
            rollouts: context.desk.rollouts.len(),
            strategies: context.desk.strategies.len(),
            approvals: context.desk.approvals.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_many_workloads_are_gathered_for_longer_and_for_a_quarter_of_it_where_a_pool_waits() {
        let waits = |has_waiting| {
            [0, 20, 200, 500, 1_000, 1_000_000].map(|workloads| patience(workloads, has_waiting).as_millis())
        };
        assert_eq!(
            (waits(false), waits(true)),
            ([200, 200, 800, 2_000, 4_000, 5_000], [200, 200, 200, 500, 1_000, 1_250])
        );
    }
}
