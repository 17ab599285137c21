//! What a controller begins with.

use std::sync::Arc;

use chassis::access::Table;
use chassis::peer::PeerError;
use chassis::workers::WorkerSetting;
use chassis::{About, Process, ProcessError};

use super::{Work, standing};
use crate::client::{ApiCalls, ConnectError, Kube, connect};
use crate::events::{EventMetrics, EventRecorder, EventSettings};
use crate::lease::{Gate, Lease, LeaseElection, LeaseMetrics, LeaseSettingsError, identity};
use crate::mirror::{Mirror, Mirrored};
use crate::queue::{Queue, QueueMetrics, WorkerBounds};
use crate::token_review::TokenReviews;
use crate::watch::{WatchMetrics, WatchTarget};

/// Who a controller is, and what it was told about its work.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// The service.
    pub about: About,
    /// Whose events are written.
    pub component: &'static str,
    /// The API server.
    pub kube: &'a Kube,
    /// The election of the one replica that acts.
    pub lease: &'a Lease,
    /// How many keys are worked on at once.
    pub workers: WorkerSetting,
}

/// Why a controller did not start or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no API server to be had.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The lease's settings do not fit together.
    #[error(transparent)]
    Lease(#[from] LeaseSettingsError),
    /// Another service cannot be called.
    #[error("{key}")]
    Peer {
        /// The section that says where it is, as in `peers.topology.peer`.
        key: &'static str,
        /// Why not.
        source: PeerError,
    },
    /// The process failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl RunError {
    /// The service in this section of configuration cannot be called.
    pub fn peer(key: &'static str) -> impl FnOnce(PeerError) -> Self {
        move |source| Self::Peer { key, source }
    }
}

impl<K: Clone + Ord> Work<K> {
    /// Connects to the API server, and counts in the metrics of the process. Nothing acts before [`Work::start`].
    pub async fn begin(process: &Process, settings: Settings<'_>) -> Result<Self, RunError> {
        let Settings { about, component, kube, lease, workers } = settings;
        let (calls, watches) = (ApiCalls::default(), WatchMetrics::default());
        let client = connect(about.service, about.version, &kube.settings(), &calls).await?;
        let (queue_metrics, lease_metrics) = (QueueMetrics::default(), LeaseMetrics::default());
        let event_metrics = EventMetrics::default();
        process.metrics().with(|registry| {
            calls.register(registry);
            watches.register(registry);
            queue_metrics.register(registry);
            lease_metrics.register(registry);
            event_metrics.register(registry);
        });
        let lease = lease.settings(kube.write_timeout.get());
        let election = LeaseElection::new(client.clone(), lease, identity(), lease_metrics, watches.clone())?;
        Ok(Self {
            component,
            client,
            watches,
            leadership: election.leadership(),
            election,
            gate: Gate::default(),
            events: EventRecorder::new(EventSettings::default(), event_metrics),
            queue: Queue::new(workers, WorkerBounds::default(), queue_metrics),
        })
    }
}

impl<K: Clone + Ord + Send + Sync + 'static> Work<K> {
    /// Lets callers in whose tokens the API server knows, for what the table allows, and shows `AdminService` the workers and the
    /// lease.
    pub fn serve(&self, process: &mut Process, table: Table) {
        process.access(TokenReviews::new(self.client.clone()), table);
        process.workers(Arc::new(self.queue.clone()));
        process.standing(standing(self.leadership.clone()));
        let leadership = self.leadership.clone();
        process.dump("lease", move || format!("{:?}", leadership.subscribe().borrow()));
    }

    /// Keeps a mirror up to date as a task of the process, and tells what each change belongs to (`None`: a full list was
    /// completed).
    pub fn follow<T: Mirrored>(
        &self,
        process: &Process,
        name: &'static str,
        mirror: &Mirror<T>,
        target: WatchTarget,
        on_change: impl FnMut(Option<T::Owner>) + Send + 'static,
    ) {
        let (client, watches) = (self.client.clone(), self.watches.clone());
        process.until_stopped(name, mirror.clone().follow(client, target, watches, on_change));
    }
}
