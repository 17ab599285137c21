//! Puts the service together.

use std::sync::Arc;

use api::daemon_set::DaemonSet;
use chassis::access::{Allow, Table};
use chassis::peer::PeerError;
use chassis::{Process, ProcessError, ServiceConfig};
use controller_runtime::client::{ApiCalls, ConnectError, connect};
use controller_runtime::events::{EventMetrics, EventRecorder, EventSettings};
use controller_runtime::fleet::{self, Fleet, FleetMetrics};
use controller_runtime::lease::{
    Election as _, Gate, LeaseElection, LeaseMetrics, LeaseSettingsError, NeighbourWatch, identity,
};
use controller_runtime::mirror::{Mirror, Mirrored as _};
use controller_runtime::queue::{Queue, QueueMetrics, WorkerBounds};
use controller_runtime::rollout_service::{self, Served};
use controller_runtime::rollouts::{self as runs, Desk, Elsewhere, Kind, Named, Standings};
use controller_runtime::token_review::TokenReviews;
use controller_runtime::watch::{WatchMetrics, WatchTarget};
use controller_runtime::work::{Work, standing};
use k8s_openapi::api::apps::v1 as apps;
use proto::rollout::v1::rollout_service_server::SERVICE_NAME as ROLLOUT_SERVICE;
use tokio::sync::{Notify, Semaphore};

use crate::claims::Claims;
use crate::config::Config;
use crate::context::{Context, Metrics, Runs};
use crate::pools::Pools;
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
    #[error("peers.appset_controller.peer")]
    Peer(#[from] PeerError),
    /// The process failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Runs daemon-updater until it is told to stop.
pub async fn run(mut process: Process, config: Config) -> Result<(), RunError> {
    let (calls, watches) = (ApiCalls::default(), WatchMetrics::default());
    let about = Config::ABOUT;
    let client = connect(about.service, about.version, &config.kube.settings(), &calls).await?;
    let (queue_metrics, lease_metrics) = (QueueMetrics::default(), LeaseMetrics::default());
    let (event_metrics, metrics, run_metrics) = (EventMetrics::default(), Metrics::default(), runs::Metrics::default());
    let fleet = Fleet::default();
    process.metrics().with(|registry| {
        calls.register(registry);
        watches.register(registry);
        queue_metrics.register(registry);
        lease_metrics.register(registry);
        event_metrics.register(registry);
        metrics.register(registry);
        run_metrics.register(registry);
        FleetMetrics::register(&fleet, registry);
    });
    let settings = config.lease.settings(config.kube.write_timeout.get());
    let election = LeaseElection::new(client.clone(), settings, identity(), lease_metrics, watches.clone())?;
    let yurt = &config.yurt_manager;
    let neighbour = NeighbourWatch::new(client.clone(), &yurt.namespace, &yurt.lease, &watches);
    let appsets = config.peers.appset_controller.as_ref().map(rollouts::follow).transpose()?;
    let daemon_sets = Mirror::default();
    let (leadership, listed) = (election.leadership(), Arc::new(Notify::new()));
    let events = EventRecorder::new(EventSettings::default(), event_metrics);
    let queue = Queue::new(config.workers, WorkerBounds::default(), queue_metrics);
    let desk = Desk {
        kind: Kind::DAEMON_SET,
        client: client.clone(),
        leadership: leadership.clone(),
        events: events.clone(),
        queue: queue.clone(),
        listed: listed.clone(),
        rollouts: Mirror::default(),
        strategies: Mirror::default(),
        approvals: Mirror::default(),
        standings: standings(daemon_sets.clone(), appsets.as_ref().map(|appsets| appsets.view.clone())),
        served: Served::default(),
        metrics: run_metrics,
    };
    let context = Arc::new(Context {
        timing: config.timing.plan(),
        fleet,
        daemon_sets,
        desk: Arc::new(desk),
        pools: Pools::default(),
        queue,
        leadership,
        neighbour: neighbour.subscribe(),
        events,
        gate: Gate::default(),
        claims: Claims::default(),
        runs: Runs::default(),
        metrics,
        deletes: Semaphore::new(usize::from(config.kube.deletes_at_once)),
        listed,
        freed: std::sync::Mutex::default(),
        client,
        config,
    });
    serve(&mut process, &context);
    follow(&process, &context, &watches, neighbour);
    if let Some(appsets) = appsets {
        let desk = context.desk.clone();
        process.until_stopped("appset-controller", appsets.run(move || desk.wake_for_others()));
    }
    work(&process, &context, election);
    Ok(process.run().await?)
}

/// How far DaemonSets are by these objects, and YurtAppSets as appset-controller says.
fn standings(daemon_sets: Mirror<DaemonSet>, appsets: Option<rollouts::View>) -> Standings {
    let elsewhere = appsets.map(|view| Elsewhere {
        kind: Kind::YURT_APP_SET,
        progress: Box::new(move |namespace, name| {
            view.progress(&rollouts::Target::new(namespace, Kind::YURT_APP_SET.kind, name))
        }),
    });
    let named = move |namespace: &str, name: &str| {
        let found = daemon_sets.all().into_iter().find(|daemon_set| {
            let metadata = &daemon_set.metadata;
            metadata.name == name && metadata.namespace == namespace
        });
        match found {
            Some(found) => Named::Present { uid: found.uid(), generation: found.metadata.generation },
            None if daemon_sets.is_listed() => Named::Absent,
            None => Named::Unknown,
        }
    };
    Standings::new(named, elsewhere)
}

/// What is served: `AdminService` and `RolloutService`.
fn serve(process: &mut Process, context: &Arc<Context>) {
    let settings = &context.config.rollout_service;
    let table = Table::default().service(ROLLOUT_SERVICE, Allow::accounts(settings.readers.clone()));
    process.access(TokenReviews::new(context.client.clone()), table);
    let (of, stopping) = (context.clone(), process.shutdown().stopping());
    let age = move || of.desk.rollouts.age().max(of.daemon_sets.age());
    let standing_of = standing(context.leadership.clone());
    let service = rollout_service::Service::new(context.desk.served.clone(), settings, age, standing_of, stopping);
    process.service(service.into_server());
    process.workers(Arc::new(context.queue.clone()));
    process.standing(standing(context.leadership.clone()));
    let of = context.clone();
    process.dump("reports", move || of.runs.reports());
    let of = context.clone();
    process.dump("lease", move || format!("{:?}", of.leadership.subscribe().borrow()));
    let of = context.clone();
    process.dump("rollout_service", move || of.desk.served.dump());
    let of = context.clone();
    process.dump("mirror", move || crate::context::MirrorDump::of(&of));
}

/// Keeps every mirror up to date.
fn follow(process: &Process, context: &Arc<Context>, watches: &WatchMetrics, neighbour: NeighbourWatch) {
    let client = || context.client.clone();
    let of = context.clone();
    let pods_and_nodes =
        fleet::follow(client(), of.fleet.clone(), watches.clone(), move |touched| of.on_fleet(touched));
    process.until_stopped("fleet", pods_and_nodes);
    let of = context.clone();
    let target = WatchTarget::of::<apps::DaemonSet>(None);
    let daemon_sets: Mirror<DaemonSet> = context.daemon_sets.clone();
    let daemon_sets = daemon_sets.follow(client(), target, watches.clone(), move |uid| of.on_object(uid));
    process.until_stopped("daemonsets", daemon_sets);
    context.desk.follow(process, watches);
    let of = context.clone();
    let mirror = context.pools.mirror.clone();
    let pools = mirror.follow(client(), Pools::target(), watches.clone(), move |pool| of.on_pool(pool.as_ref()));
    process.until_stopped("nodepools", pools);
    let (of, mut known) = (context.clone(), neighbour.subscribe());
    process.until_stopped("yurt-manager", neighbour.run());
    process.until_stopped("neighbour", async move {
        while known.changed().await.is_ok() {
            of.wake_all();
        }
    });
    let of = context.clone();
    context.desk.attend(process, context.gate.clone(), move || of.is_listed());
}

/// Elects, leads, works off the queue, and tells.
fn work(process: &Process, context: &Arc<Context>, election: LeaseElection) {
    let work = Work {
        component: Config::ABOUT.service,
        client: context.client.clone(),
        leadership: context.leadership.clone(),
        gate: context.gate.clone(),
        events: context.events.clone(),
        queue: context.queue.clone(),
    };
    let of = context.clone();
    work.start(process, election, context.clone(), move |key| reconcile(of.clone(), key));
}
