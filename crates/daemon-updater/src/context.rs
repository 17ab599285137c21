//! What reconciles share: mirrors, the queue, the lease, and each run's memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::daemon_set::DaemonSet;
use controller_runtime::events::EventRecorder;
use controller_runtime::fleet::{Fleet, Touched};
use controller_runtime::lease::{Gate, Leadership, Neighbour};
use controller_runtime::mirror::Mirror;
use controller_runtime::queue::Queue;
use controller_runtime::rollouts::{Desk, Letters, Rollout};
use jiff::Timestamp;
use kube::Client;
use planner::fleet::{Name, Uid};
use planner::rollout::Restart;
use planner::strategy::Timing;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::{Notify, Semaphore, watch};

use crate::claims::Claims;
use crate::commit::DeleteEnded;
use crate::config::Config;
use crate::pools::Pools;
use crate::rollback::Completed;

/// Changes of pods that free no slot are looked at together, this long after the first.
const LATER: Duration = Duration::from_millis(200);

/// Changes of nodes come in bursts (a site goes, a site returns) and touch every DaemonSet.
const NODES: Duration = Duration::from_millis(20);

/// What all reconciles share.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) config: Config,
    pub(crate) timing: Timing,
    pub(crate) fleet: Fleet,
    pub(crate) daemon_sets: Mirror<DaemonSet>,
    pub(crate) pools: Pools,
    pub(crate) queue: Queue<Uid>,
    pub(crate) leadership: Leadership,
    pub(crate) neighbour: watch::Receiver<Neighbour>,
    pub(crate) events: EventRecorder,
    pub(crate) gate: Gate,
    pub(crate) claims: Claims,
    /// Their runs.
    pub(crate) desk: Arc<Desk>,
    pub(crate) runs: Runs,
    pub(crate) metrics: Metrics,
    /// A turn for each delete under way.
    pub(crate) deletes: Semaphore,
    /// Rung when a mirror has completed a full list.
    pub(crate) listed: Arc<Notify>,
    /// When a frame that may free a slot of a DaemonSet was received, until a plan has looked.
    pub(crate) freed: Mutex<HashMap<Uid, Instant>>,
}

/// A DaemonSet's present run, between two reconciles.
#[derive(Debug)]
pub(crate) struct Current {
    /// Its object, memory and rules.
    pub(crate) rollout: Rollout,
    /// Where it goes back to when it fails and its strategy asks for that.
    pub(crate) last_completed: Option<Completed>,
    /// The generation of the DaemonSet whose template was brought back.
    pub(crate) rolled_back: Option<i64>,
    /// The generation of the DaemonSet for which the revision was found to be the newest.
    pub(crate) generation: i64,
    /// `controller-revision-hash` of the revision.
    pub(crate) revision: Name,
    /// All revisions of the DaemonSet.
    pub(crate) known: Vec<Name>,
    /// When they were asked for.
    pub(crate) known_at: Instant,
    /// A pod of a revision that is not known was seen: ask again.
    pub(crate) doubtful_revision: bool,
    /// The newest loss that the run has looked at.
    pub(crate) losses_seen: u64,
    /// For each node of the mirror, in its order: may the template run there?
    pub(crate) places: Places,
    /// Deletes whose outcome is unknown, until a quorum read tells.
    pub(crate) doubts: Vec<Restart>,
    /// The API server's last refusal of a delete, and when to try again.
    pub(crate) refused: Option<(String, Timestamp)>,
    /// From deletes that run beside the reconcile. Those of an earlier run too: a pod counts as going until it is known that
    /// it does not.
    pub(crate) deletes: Letters<DeleteEnded>,
}

/// Eligibility of all nodes, computed again only when template or nodes change.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) generation: i64,
    pub(crate) nodes_version: u64,
    pub(crate) eligible: Vec<bool>,
}

/// The runs of all DaemonSets that are ours.
#[derive(Debug, Default)]
pub(crate) struct Runs(Mutex<HashMap<Uid, Entry>>);

#[derive(Debug)]
enum Entry {
    /// Ours, with a run that no reconcile holds at the moment.
    Idle(Box<Current>),
    /// Ours; a reconcile holds the run, or there is none yet.
    Out,
    /// Refused, with the reason that was told.
    Refused(String),
}

impl Runs {
    /// Takes the run of a DaemonSet that is ours; it is given back with [`Runs::put`].
    pub(crate) fn take(&self, daemon_set: Uid) -> Option<Box<Current>> {
        match self.lock().insert(daemon_set, Entry::Out) {
            Some(Entry::Idle(current)) => Some(current),
            Some(Entry::Out | Entry::Refused(_)) | None => None,
        }
    }

    pub(crate) fn put(&self, daemon_set: Uid, current: Box<Current>) {
        self.lock().insert(daemon_set, Entry::Idle(current));
    }

    pub(crate) fn forget(&self, daemon_set: Uid) {
        self.lock().remove(&daemon_set);
    }

    /// Notes a refusal. Whether it is news.
    pub(crate) fn refuse(&self, daemon_set: Uid, reason: &str) -> bool {
        let before = self.lock().insert(daemon_set, Entry::Refused(reason.to_owned()));
        !matches!(before, Some(Entry::Refused(known)) if known == reason)
    }

    /// Whether changes of its pods matter.
    pub(crate) fn follows(&self, daemon_set: Uid) -> bool {
        matches!(self.lock().get(&daemon_set), Some(Entry::Idle(_) | Entry::Out))
    }

    pub(crate) fn all(&self) -> Vec<Uid> {
        self.lock().keys().copied().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// The last report of each run, by the run's name.
    pub(crate) fn reports(&self) -> Vec<(String, String)> {
        let runs = self.lock();
        let idle = runs.values().filter_map(|entry| match entry {
            Entry::Idle(current) => Some(current),
            Entry::Out | Entry::Refused(_) => None,
        });
        let named = |current: &Current| {
            let name = current.rollout.object.metadata.name.clone().unwrap_or_default();
            Some((name, current.rollout.report.as_ref()?.sentence.clone()))
        };
        let mut reports: Vec<_> = idle.filter_map(|current| named(current)).collect();
        reports.sort();
        reports
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uid, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What daemon-updater measures of its own work. Labels: how a delete ended; never an object.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) deletes: Family<Ended, Counter>,
    pub(crate) slot_to_delete: Histogram,
}

/// How a delete ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Ended {
    pub(crate) outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            deletes: Family::default(),
            // 0.1 ms to 5 s in steps of 1.25: a p99 is known to a quarter.
            slot_to_delete: Histogram::new(exponential_buckets(1e-4, 1.25, 49)),
        }
    }
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("pod_deletes", "Deletes of pods by outcome", self.deletes.clone());
        registry.register(
            "slot_to_delete_seconds",
            "From the receipt of the frame that frees a slot to the DELETE that uses it",
            self.slot_to_delete.clone(),
        );
    }
}

impl Context {
    /// Wakes the DaemonSets that a change of pods or nodes concerns.
    pub(crate) fn on_fleet(&self, touched: &Touched) {
        if touched.listed {
            self.listed.notify_one();
            self.queue.set_fleet_size(self.fleet.lock().node_count());
        }
        for daemon_set in touched.urgent.iter().filter(|uid| self.runs.follows(**uid)) {
            let mut freed = self.freed.lock().unwrap_or_else(PoisonError::into_inner);
            freed.entry(*daemon_set).or_insert_with(Instant::now);
            drop(freed);
            self.queue.add(*daemon_set);
        }
        for daemon_set in touched.later.iter().filter(|uid| self.runs.follows(**uid)) {
            self.queue.add_after(*daemon_set, LATER);
        }
        if touched.nodes || touched.listed {
            self.runs.all().into_iter().for_each(|daemon_set| self.queue.add_after(daemon_set, NODES));
        }
    }

    /// Wakes the DaemonSet that a change of it or of its run concerns.
    pub(crate) fn on_object(&self, daemon_set: Option<Uid>) {
        match daemon_set {
            Some(daemon_set) => self.queue.add(daemon_set),
            None => self.listed.notify_one(),
        }
    }

    /// The labels of a NodePool changed: it may belong to another wave.
    pub(crate) fn on_pool(&self, pool: Option<&Name>) {
        self.pools.changed();
        match pool {
            Some(_) => self.runs.all().into_iter().for_each(|daemon_set| self.queue.add_after(daemon_set, NODES)),
            None => self.listed.notify_one(),
        }
    }

    /// Something changed that concerns every DaemonSet.
    pub(crate) fn wake_all(&self) {
        self.runs.all().into_iter().for_each(|daemon_set| self.queue.add(daemon_set));
    }

    /// When the frame that may have freed a slot was received; asked once per plan.
    pub(crate) fn take_freed(&self, daemon_set: Uid) -> Option<Instant> {
        self.freed.lock().unwrap_or_else(PoisonError::into_inner).remove(&daemon_set)
    }

    /// Whether every mirror is complete.
    pub(crate) fn is_listed(&self) -> bool {
        self.fleet.lock().is_listed()
            && self.daemon_sets.is_listed()
            && self.desk.is_listed()
            && self.pools.mirror.is_listed()
    }

    /// The DaemonSet is no longer ours.
    pub(crate) fn forget(&self, daemon_set: Uid) {
        self.runs.forget(daemon_set);
        self.release(daemon_set);
    }

    /// The DaemonSet restarts nowhere.
    pub(crate) fn release(&self, daemon_set: Uid) {
        let waiting = self.claims.lock().set(daemon_set, HashSet::new());
        waiting.into_iter().for_each(|waiting| self.queue.add(waiting));
        self.desk.release(daemon_set);
        self.take_freed(daemon_set);
    }
}

/// The mirrors in numbers, for `AdminService.Dump`.
#[derive(Debug, Serialize)]
pub(crate) struct MirrorDump {
    listed: bool,
    nodes: usize,
    pods: usize,
    pod_bytes: usize,
    daemon_sets: usize,
    rollouts: usize,
    strategies: usize,
    approvals: usize,
    pools: usize,
    /// When the watch that was silent longest last showed an event or a bookmark.
    heard: Option<Timestamp>,
}

impl MirrorDump {
    pub(crate) fn of(context: &Context) -> Self {
        let listed = context.is_listed();
        let state = context.fleet.lock();
        Self {
            listed,
            nodes: state.node_count(),
            pods: state.pod_count(),
            pod_bytes: state.pod_bytes(),
            daemon_sets: context.daemon_sets.len(),
            rollouts: context.desk.rollouts.len(),
            strategies: context.desk.strategies.len(),
            approvals: context.desk.approvals.len(),
            pools: context.pools.mirror.len(),
            heard: state.view().map(|view| view.heard),
        }
    }
}
