//! Which key is worked on when.
//!
//! Keys wait in the order in which they were added; a key waits at most once and never runs twice at once. A key
//! added while it runs is run again after. How many run at once can be changed at any time between 1 and 256:
//! runs in progress go on, waiting keys keep their places.
//!
//! kube-runtime's `Controller` cannot change its concurrency; a semaphore inside the reconcile can, but then keys
//! that wait for a permit count as running and leave the queue's order to the semaphore.
//!
//! Invariant: nothing is remembered about why a key was added. A reconcile looks at the world, not at the cause.

mod agenda;
mod metrics;
mod outcome;
mod run;
mod workers;

pub use metrics::QueueMetrics;
pub use outcome::{Disposition, ReconcileError, Requeue};
pub use workers::{WorkerBounds, desired_workers};

use agenda::Agenda;
use chassis::workers::{WorkerSetting, WorkerStatus, Workers};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};
use workers::Limit;

/// Keys waiting for their turn, and the bound on how many have it at once. Cheap to clone; clones are one queue.
pub struct Queue<K>(Arc<Shared<K>>);

struct Shared<K> {
    state: Mutex<State<K>>,
    /// Rung when the run loop should look again.
    bell: Notify,
    metrics: QueueMetrics,
}

struct State<K> {
    agenda: Agenda<K>,
    limit: Limit,
}

impl<K: Clone + Ord> Queue<K> {
    /// An empty queue. `bounds` hold for [`WorkerSetting::Auto`].
    pub fn new(setting: WorkerSetting, bounds: WorkerBounds, metrics: QueueMetrics) -> Self {
        let state = State { agenda: Agenda::default(), limit: Limit::new(setting, bounds, Instant::now()) };
        Self(Arc::new(Shared { state: Mutex::new(state), bell: Notify::new(), metrics }))
    }

    /// The key is to run as soon as a worker is free. Nothing changes when it waits already.
    pub fn add(&self, key: K) {
        if self.locked().agenda.add(key) {
            self.0.bell.notify_one();
        }
    }

    /// The key is to run after a delay; the earliest of several counts. A run before that does not take its place.
    pub fn add_after(&self, key: K, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        if self.locked().agenda.add_at(key, Instant::now() + delay) {
            self.0.bell.notify_one();
        }
    }

    /// The number of nodes, pools or whatever a reconcile's size grows with; read by [`WorkerSetting::Auto`].
    pub fn set_fleet_size(&self, size: usize) {
        self.locked().limit.fleet_size = size;
    }

    fn locked(&self) -> MutexGuard<'_, State<K>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Ord + Send> Workers for Queue<K> {
    fn status(&self) -> WorkerStatus {
        let state = self.locked();
        let bounds = state.limit.bounds();
        WorkerStatus {
            setting: state.limit.setting(),
            active: state.limit.now(),
            busy: state.agenda.running(),
            queued: state.agenda.waiting(),
            min: bounds.min,
            max: bounds.max,
        }
    }

    fn set(&self, setting: WorkerSetting) {
        self.locked().limit.set(setting, Instant::now());
        self.0.bell.notify_one();
    }
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
