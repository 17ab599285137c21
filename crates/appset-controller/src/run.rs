//! Puts the service together.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use api::names::app_set as names;
use chassis::access::{Allow, Table};
use chassis::peer::PeerError;
use chassis::{Process, ProcessError, ServiceConfig};
use controller_runtime::client::{ApiCalls, ConnectError, Writer, connect};
use controller_runtime::events::{EventMetrics, EventRecorder, EventSettings};
use controller_runtime::lease::{
    Election, Gate, LeaseElection, LeaseMetrics, LeaseSettingsError, NeighbourWatch, identity,
};
use controller_runtime::mirror::Mirror;
use controller_runtime::queue::{Queue, QueueMetrics, WorkerBounds};
use controller_runtime::rollout_service::{self, Served};
use controller_runtime::rollouts::{self as runs, Desk, Elsewhere, Kind, Named, Standings};
use controller_runtime::token_review::TokenReviews;
use controller_runtime::watch::WatchMetrics;
use controller_runtime::work::{Work, standing};
use jiff::Timestamp;
use proto::rollout::v1::rollout_service_server::SERVICE_NAME as ROLLOUT_SERVICE;
use tokio::sync::{Notify, Semaphore};

use crate::FIELD_MANAGER;
use crate::config::Config;
use crate::context::{Context, MirrorDump};
use crate::memory::Memories;
use crate::metrics::Metrics;
use crate::mirrors::{self, Mirrors, SeenSet, target};
use crate::reach::{Reachable, Topology};
use crate::reconcile::reconcile;

/// Why the service did not start or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no API server to be had.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The lease's settings do not fit together.
    #[error(transparent)]
    Lease(#[from] LeaseSettingsError),
    /// Another service cannot be called.
    #[error("peers.daemon_updater.peer")]
    Peer(#[from] PeerError),
    /// The service that tells who is reachable cannot be called.
    #[error("peers.topology.peer")]
    Topology(#[source] PeerError),
    /// The process failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Runs appset-controller until it is told to stop.
pub async fn run(mut process: Process, config: Config) -> Result<(), RunError> {
    let (calls, watches) = (ApiCalls::default(), WatchMetrics::default());
    let about = Config::ABOUT;
    let client = connect(about.service, about.version, &config.kube.settings(), &calls).await?;
    let (queue_metrics, lease_metrics) = (QueueMetrics::default(), LeaseMetrics::default());
    let (event_metrics, metrics, run_metrics) = (EventMetrics::default(), Metrics::default(), runs::Metrics::default());
    process.metrics().with(|registry| {
        calls.register(registry);
        watches.register(registry);
        queue_metrics.register(registry);
        lease_metrics.register(registry);
        event_metrics.register(registry);
        metrics.register(registry);
        run_metrics.register(registry);
    });
    let settings = config.lease.settings(config.kube.write_timeout.get());
    let election = LeaseElection::new(client.clone(), settings, identity(), lease_metrics, watches.clone())?;
    let yurt = &config.yurt_manager;
    let neighbour = NeighbourWatch::new(client.clone(), &yurt.namespace, &yurt.lease, &watches);
    let daemon_sets = config.peers.daemon_updater.as_ref().map(rollouts::follow).transpose()?;
    let topology = config.peers.topology.as_ref().map(Topology::of).transpose().map_err(RunError::Topology)?;
    let mirrors = Mirrors::default();
    let (leadership, listed) = (election.leadership(), Arc::new(Notify::new()));
    let events = EventRecorder::new(EventSettings::default(), event_metrics);
    let queue = Queue::new(config.workers, WorkerBounds::default(), queue_metrics);
    let desk = Desk {
        kind: Kind::YURT_APP_SET,
        client: client.clone(),
        leadership: leadership.clone(),
        events: events.clone(),
        queue: queue.clone(),
        listed: listed.clone(),
        rollouts: Mirror::default(),
        strategies: Mirror::default(),
        approvals: Mirror::default(),
        standings: standings(mirrors.sets.clone(), daemon_sets.as_ref().map(|follow| follow.view.clone())),
        served: Served::default(),
        metrics: run_metrics,
    };
    let context = Arc::new(Context {
        timing: config.timing.plan(),
        desk: Arc::new(desk),
        writer: Writer::new(client.clone(), FIELD_MANAGER),
        mirrors,
        queue,
        leadership,
        neighbour: neighbour.subscribe(),
        reachable: Reachable::new(topology.as_ref()),
        events,
        gate: Gate::default(),
        memories: Memories::default(),
        metrics,
        keeps_bounds: AtomicBool::new(true),
        writes: Semaphore::new(usize::from(config.kube.writes_at_once)),
        listed,
        began: Mutex::new(Timestamp::now()),
        client,
        config,
    });
    serve(&mut process, &context);
    follow(&process, &context, &watches);
    heed(&process, &context, neighbour);
    if let Some(daemon_sets) = daemon_sets {
        let desk = context.desk.clone();
        process.until_stopped("daemon-updater", daemon_sets.run(move || desk.wake_for_others()));
    }
    if let Some(topology) = topology {
        let (of, wakes) = (context.clone(), context.clone());
        process
            .until_stopped("topology", topology.run(move |reach| of.reachable.note(reach), move || wakes.wake_all()));
    }
    let (work, of) = (context.work(), context.clone());
    work.start(&process, election, context, move |key| reconcile(of.clone(), key));
    Ok(process.run().await?)
}

/// How far YurtAppSets are by these objects, and DaemonSets as daemon-updater says.
fn standings(sets: Mirror<SeenSet>, daemon_sets: Option<rollouts::View>) -> Standings {
    let elsewhere = daemon_sets.map(|view| Elsewhere {
        kind: Kind::DAEMON_SET,
        progress: Box::new(move |namespace, name| {
            view.progress(&rollouts::Target::new(namespace, Kind::DAEMON_SET.kind, name))
        }),
    });
    let named = move |namespace: &str, name: &str| match sets.of(&*mirrors::key(namespace, name)).first() {
        Some(seen) => {
            let generation = seen.read.as_ref().ok().and_then(|set| set.metadata.generation);
            generation.map_or(Named::Unknown, |generation| Named::Present { uid: seen.uid, generation })
        }
        None if sets.is_listed() => Named::Absent,
        None => Named::Unknown,
    };
    Standings::new(named, elsewhere)
}

/// What is served: `AdminService` and `RolloutService`.
fn serve(process: &mut Process, context: &Arc<Context>) {
    let settings = &context.config.rollout_service;
    let table = Table::default().service(ROLLOUT_SERVICE, Allow::accounts(settings.readers.clone()));
    process.access(TokenReviews::new(context.client.clone()), table);
    let (of, stopping) = (context.clone(), process.shutdown().stopping());
    let age = move || of.desk.rollouts.age().max(of.mirrors.sets.age());
    let standing_of = standing(context.leadership.clone());
    let service = rollout_service::Service::new(context.desk.served.clone(), settings, age, standing_of, stopping);
    process.service(service.into_server());
    process.workers(Arc::new(context.queue.clone()));
    process.standing(standing(context.leadership.clone()));
    let of = context.clone();
    process.dump("reports", move || of.memories.reports());
    let of = context.clone();
    process.dump("lease", move || format!("{:?}", of.leadership.subscribe().borrow()));
    let of = context.clone();
    process.dump("rollout_service", move || of.desk.served.dump());
    let of = context.clone();
    process.dump("mirror", move || MirrorDump::of(&of));
}

/// Keeps every mirror up to date.
fn follow(process: &Process, context: &Arc<Context>, watches: &WatchMetrics) {
    let (client, metrics) = (|| context.client.clone(), || watches.clone());
    let mirrors = &context.mirrors;
    let of = context.clone();
    let sets = mirrors.sets.clone();
    let sets = sets.follow(client(), target::sets(), metrics(), move |key| of.on_set(key.as_ref()));
    process.until_stopped("yurtappsets", sets);
    let of = context.clone();
    let pools = mirrors.node_pools.clone();
    let pools = pools.follow(client(), target::node_pools(), metrics(), move |pool| of.on_pool(pool.as_ref()));
    process.until_stopped("nodepools", pools);
    let of = context.clone();
    let workloads = mirrors.deployments.clone();
    let workloads =
        workloads.follow(client(), target::deployments(), metrics(), move |key| of.on_belonging(key.as_ref()));
    process.until_stopped("deployments", workloads);
    let of = context.clone();
    let workloads = mirrors.stateful_sets.clone();
    let workloads =
        workloads.follow(client(), target::stateful_sets(), metrics(), move |key| of.on_belonging(key.as_ref()));
    process.until_stopped("statefulsets", workloads);
    let of = context.clone();
    let revisions = mirrors.revisions.clone();
    let revisions =
        revisions.follow(client(), target::revisions(), metrics(), move |key| of.on_belonging(key.as_ref()));
    process.until_stopped("controllerrevisions", revisions);
    context.desk.follow(process, watches);
    let of = context.clone();
    context.desk.attend(process, context.gate.clone(), move || of.is_listed());
}

/// Looks at everything again as yurt-manager comes and goes.
fn heed(process: &Process, context: &Arc<Context>, neighbour: NeighbourWatch) {
    let (of, mut known) = (context.clone(), neighbour.subscribe());
    process.until_stopped("yurt-manager", neighbour.run());
    process.until_stopped("neighbour", async move {
        while known.changed().await.is_ok() {
            of.wake_all();
        }
        std::future::pending::<()>().await;
    });
}

impl Context {
    /// What of it acts.
    fn work(&self) -> Work<planner::fleet::Uid> {
        Work {
            component: names::EVENT_SOURCE,
            client: self.client.clone(),
            leadership: self.leadership.clone(),
            gate: self.gate.clone(),
            events: self.events.clone(),
            queue: self.queue.clone(),
        }
    }
}
