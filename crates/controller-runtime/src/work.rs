//! What acts in every service: the election, the gate, the queue and the events, how they begin and in which order they end.

mod begin;

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;

use chassis::{Process, Standing};
use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::events::EventRecorder;
use crate::lease::{Acting, Gate, LeaderState, Leadership, LeaseElection};
use crate::queue::{Queue, ReconcileError, Requeue};
use crate::watch::WatchMetrics;

pub use begin::{RunError, Settings};

/// The parts of a service that act, and what they share with the rest of it.
pub struct Work<K> {
    component: &'static str,
    election: LeaseElection,
    /// The API server.
    pub client: Client,
    /// What is counted of every watch.
    pub watches: WatchMetrics,
    /// Who may write.
    pub leadership: Leadership,
    /// Open while this replica acts.
    pub gate: Gate,
    /// What is told.
    pub events: EventRecorder,
    /// What is looked at.
    pub queue: Queue<K>,
}

impl<K: Clone + Ord + Display + Send + 'static> Work<K> {
    /// Elects, leads, works off the queue, and tells, as tasks of the process. The lease and the events end after the queue: its last
    /// writes need a permit, and what it did is to be told.
    pub fn start<S, R, F, E>(self, process: &Process, service: Arc<S>, reconcile: R)
    where
        S: Acting + Send + 'static,
        R: Fn(K) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Requeue, E>> + Send + 'static,
        E: ReconcileError,
    {
        let Self { component, election, client, leadership, gate, events, queue, watches: _ } = self;
        let (tasks, stopping) = (process.tasks(), process.shutdown().stopping());
        let worked = CancellationToken::new();
        let stop = worked.clone();
        tasks.spawn("lease", async move {
            election.run(stop).await;
            Ok::<(), Infallible>(())
        });
        let (leads, stop) = (leadership.clone(), worked.clone());
        tasks.spawn("lead", async move {
            tokio::select! { () = gate.follow(&leads, &*service) => {} () = stop.cancelled() => {} }
            Ok::<(), Infallible>(())
        });
        let stop = worked.clone();
        tasks.spawn("events", async move {
            events.run(client, component, leadership.identity().to_owned(), stop).await;
            Ok::<(), Infallible>(())
        });
        // Dropped, however the queue ends: then the others may.
        let ended = worked.drop_guard();
        tasks.spawn("queue", async move {
            let _ended = ended;
            queue.run(reconcile, stopping).await;
            Ok::<(), Infallible>(())
        });
    }
}

/// Who leads, as a process tells of it.
pub fn standing(leadership: Leadership) -> impl Fn() -> Standing + Send + Sync + 'static {
    move || match &*leadership.subscribe().borrow() {
        LeaderState::Leading { .. } => Standing::Leading(leadership.identity().to_owned()),
        LeaderState::Preparing { .. } => Standing::StandBy(None),
        LeaderState::Following { leader } => Standing::StandBy(leader.clone()),
    }
}
