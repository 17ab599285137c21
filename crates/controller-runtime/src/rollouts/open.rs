//! How a controller's desk is opened, and served.

use std::sync::Arc;
use std::time::Duration;

use chassis::Process;
use chassis::access::{Allow, Table};
use planner::fleet::Uid;
use proto::rollout::v1::rollout_service_server::SERVICE_NAME;
use tokio::sync::Notify;

use super::{Desk, Kind, Metrics, Standings};
use crate::mirror::Mirror;
use crate::rollout_service::{Served, Service, Settings};
use crate::work::{Work, standing};

impl Desk {
    /// The desk of a controller of this kind. What it counts is in the metrics of the process.
    pub fn open(process: &Process, work: &Work<Uid>, kind: Kind, standings: Standings) -> Arc<Self> {
        let metrics = Metrics::default();
        process.metrics().with(|registry| metrics.register(registry));
        Arc::new(Self {
            kind,
            client: work.client.clone(),
            leadership: work.leadership.clone(),
            events: work.events.clone(),
            queue: work.queue.clone(),
            listed: Arc::new(Notify::new()),
            rollouts: Mirror::default(),
            strategies: Mirror::default(),
            approvals: Mirror::default(),
            standings,
            served: Served::default(),
            metrics,
        })
    }

    /// Serves `RolloutService`, and says who may call it. `age` is how old the mirrors of the controller's targets are.
    pub fn serve(
        self: &Arc<Self>,
        process: &mut Process,
        settings: &Settings,
        age: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Table {
        let (of, stopping) = (self.clone(), process.shutdown().stopping());
        let age = move || of.rollouts.age().max(age());
        let service = Service::new(self.served.clone(), settings, age, standing(self.leadership.clone()), stopping);
        process.service(service.into_server());
        let of = self.clone();
        process.dump("rollout_service", move || of.served.dump());
        Table::default().service(SERVICE_NAME, Allow::accounts(settings.readers.clone()))
    }
}
