//! Puts the service together.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api::approval_request::ApprovalRequest;
use api::daemon_set::DaemonSet;
use api::fleet_rollout::FleetRollout;
use api::rollout_strategy::RolloutStrategy;
use chassis::access::{Allow, Table};
use chassis::peer::PeerError;
use chassis::{Process, ProcessError, ServiceConfig, Standing};
use controller_runtime::client::{ApiCalls, ConnectError, connect};
use controller_runtime::events::{EventMetrics, EventRecorder, EventSettings};
use controller_runtime::fleet::{self, Fleet, FleetMetrics};
use controller_runtime::lease::{
    Election, Gate, LeaderState, Leadership, LeaseElection, LeaseMetrics, LeaseSettingsError, NeighbourWatch, identity,
};
use controller_runtime::mirror::Mirror;
use controller_runtime::queue::{Queue, QueueMetrics, WorkerBounds};
use controller_runtime::token_review::TokenReviews;
use controller_runtime::watch::{WatchMetrics, WatchTarget};
use futures::future::BoxFuture;
use k8s_openapi::api::apps::v1 as apps;
use proto::rollout::v1::rollout_service_server::SERVICE_NAME as ROLLOUT_SERVICE;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::claims::Claims;
use crate::config::Config;
use crate::context::{Context, Metrics, Runs};
use crate::dependencies::{self, Standings};
use crate::pools::Pools;
use crate::reconcile::reconcile;
use crate::rollout_service::{self, Served};

/// How often readiness is looked at until it is there.
const READINESS_EVERY: Duration = Duration::from_millis(100);

/// How often what the FleetRollout objects say is taken in for `RolloutService`, where no plan tells more.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

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
    let (event_metrics, metrics) = (EventMetrics::default(), Metrics::default());
    let fleet = Fleet::default();
    process.metrics().with(|registry| {
        calls.register(registry);
        watches.register(registry);
        queue_metrics.register(registry);
        lease_metrics.register(registry);
        event_metrics.register(registry);
        metrics.register(registry);
        FleetMetrics::register(&fleet, registry);
    });
    let settings = config.lease.settings(config.kube.write_timeout.get());
    let election = LeaseElection::new(client.clone(), settings, identity(), lease_metrics, watches.clone())?;
    let yurt = &config.yurt_manager;
    let neighbour = NeighbourWatch::new(client.clone(), &yurt.namespace, &yurt.lease, &watches);
    let appsets = config.peers.appset_controller.as_ref().map(rollouts::follow).transpose()?;
    let context = Arc::new(Context {
        timing: config.timing.plan(),
        fleet,
        daemon_sets: Mirror::default(),
        rollouts: Mirror::default(),
        strategies: Mirror::default(),
        approvals: Mirror::default(),
        pools: Pools::default(),
        queue: Queue::new(config.workers, WorkerBounds::default(), queue_metrics),
        leadership: election.leadership(),
        neighbour: neighbour.subscribe(),
        events: EventRecorder::new(EventSettings::default(), event_metrics),
        gate: Gate::default(),
        claims: Claims::default(),
        standings: Standings::default(),
        appsets: appsets.as_ref().map(|appsets| appsets.view.clone()),
        served: Served::default(),
        runs: Runs::default(),
        metrics,
        deletes: Semaphore::new(usize::from(config.kube.deletes_at_once)),
        listed: tokio::sync::Notify::new(),
        freed: std::sync::Mutex::default(),
        client,
        config,
    });
    serve(&mut process, &context);
    follow(&process, &context, &watches, neighbour);
    if let Some(appsets) = appsets {
        depend(&process, &context, appsets);
    }
    work(&process, &context, election);
    Ok(process.run().await?)
}

/// What is served: `AdminService` and `RolloutService`.
fn serve(process: &mut Process, context: &Arc<Context>) {
    let settings = &context.config.rollout_service;
    let table = Table::default().service(ROLLOUT_SERVICE, Allow::accounts(settings.readers.clone()));
    process.access(TokenReviews::new(context.client.clone()), table);
    let (of, stopping) = (context.clone(), process.shutdown().stopping());
    let age = move || of.rollouts.age().max(of.daemon_sets.age());
    let standing_of = standing(context.leadership.clone());
    let service = rollout_service::Service::new(context.served.clone(), settings, age, standing_of, stopping);
    process.service(service.into_server());
    process.workers(Arc::new(context.queue.clone()));
    process.standing(standing(context.leadership.clone()));
    let of = context.clone();
    process.dump("reports", move || of.runs.reports());
    let of = context.clone();
    process.dump("lease", move || format!("{:?}", of.leadership.subscribe().borrow()));
    let of = context.clone();
    process.dump("rollout_service", move || of.served.dump());
    let of = context.clone();
    process.dump("mirror", move || crate::context::MirrorDump::of(&of));
}

/// Who leads.
fn standing(leadership: Leadership) -> impl Fn() -> Standing + Send + Sync + 'static {
    move || match &*leadership.subscribe().borrow() {
        LeaderState::Leading { .. } => Standing::Leading(leadership.identity().to_owned()),
        LeaderState::Preparing { .. } => Standing::StandBy(None),
        LeaderState::Following { leader } => Standing::StandBy(leader.clone()),
    }
}

/// Follows appset-controller, as far as strategies depend on what it drives.
fn depend(process: &Process, context: &Arc<Context>, appsets: rollouts::Follow) {
    let (of, rollouts::Follow { view, following }, stopping) =
        (context.clone(), appsets, process.shutdown().stopping());
    process.tasks().spawn("appset-controller", async move {
        let mut changes = view.subscribe();
        let woken = async {
            while changes.changed().await.is_ok() {
                dependencies::wake_for_appsets(&of);
            }
        };
        tokio::select! { () = following => {} () = woken => {} () = stopping.cancelled() => {} }
        Ok::<(), Infallible>(())
    });
}

/// Keeps every mirror up to date.
fn follow(process: &Process, context: &Arc<Context>, watches: &WatchMetrics, neighbour: NeighbourWatch) {
    let (tasks, stopping) = (process.tasks(), process.shutdown().stopping());
    let client = || context.client.clone();
    let until_stopped = |name, work: BoxFuture<'static, ()>| {
        let stopping = stopping.clone();
        tasks.spawn(name, async move {
            tokio::select! { () = work => {} () = stopping.cancelled() => {} }
            Ok::<(), Infallible>(())
        });
    };
    let of = context.clone();
    let pods_and_nodes =
        fleet::follow(client(), of.fleet.clone(), watches.clone(), move |touched| of.on_fleet(touched));
    until_stopped("fleet", Box::pin(pods_and_nodes));
    let of = context.clone();
    let target = WatchTarget::of::<apps::DaemonSet>(None);
    let daemon_sets: Mirror<DaemonSet> = context.daemon_sets.clone();
    let daemon_sets = daemon_sets.follow(client(), target, watches.clone(), move |uid| of.on_object(uid));
    until_stopped("daemonsets", Box::pin(daemon_sets));
    let of = context.clone();
    let target = WatchTarget::of::<FleetRollout>(None);
    let rollouts = context.rollouts.clone().follow(client(), target, watches.clone(), move |uid| of.on_run(uid));
    until_stopped("fleetrollouts", Box::pin(rollouts));
    follow_strategies(context, watches, &until_stopped);
    let (of, mut known) = (context.clone(), neighbour.subscribe());
    until_stopped("yurt-manager", Box::pin(neighbour.run()));
    until_stopped(
        "neighbour",
        Box::pin(async move {
            while known.changed().await.is_ok() {
                of.wake_all();
            }
        }),
    );
    let of = context.clone();
    let listed = process.readiness().register("mirrors");
    until_stopped(
        "readiness",
        Box::pin(async move {
            while !of.is_listed() {
                tokio::time::sleep(READINESS_EVERY).await;
            }
            // Before anybody is sent here: whoever asks is answered.
            of.served.sweep(&of.rollouts.all(), of.gate.term().is_some());
            listed.ready();
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                of.served.sweep(&of.rollouts.all(), of.gate.term().is_some());
            }
        }),
    );
}

/// Keeps up to date what strategies are and ask for.
fn follow_strategies(
    context: &Arc<Context>,
    watches: &WatchMetrics,
    until_stopped: &impl Fn(&'static str, BoxFuture<'static, ()>),
) {
    let client = || context.client.clone();
    let of = context.clone();
    let target = WatchTarget::of::<RolloutStrategy>(None);
    let mirror = context.strategies.clone();
    let strategies = mirror.follow(client(), target, watches.clone(), move |key| of.on_strategy(key.as_deref()));
    until_stopped("rolloutstrategies", Box::pin(strategies));
    let of = context.clone();
    let target = WatchTarget::of::<ApprovalRequest>(None);
    let mirror = context.approvals.clone();
    let approvals = mirror.follow(client(), target, watches.clone(), move |run| of.on_approval(run));
    until_stopped("approvalrequests", Box::pin(approvals));
    let of = context.clone();
    let mirror = context.pools.mirror.clone();
    let pools = mirror.follow(client(), Pools::target(), watches.clone(), move |pool| of.on_pool(pool.as_ref()));
    until_stopped("nodepools", Box::pin(pools));
}

/// Elects, leads, works off the queue, and tells. The lease and the events end after the queue: its last writes need a
/// permit, and what it did is to be told.
fn work(process: &Process, context: &Arc<Context>, election: LeaseElection) {
    let (tasks, stopping) = (process.tasks(), process.shutdown().stopping());
    let worked = CancellationToken::new();
    let stop = worked.clone();
    tasks.spawn("lease", async move {
        election.run(stop).await;
        Ok::<(), Infallible>(())
    });
    let (of, stop) = (context.clone(), worked.clone());
    tasks.spawn("lead", async move {
        tokio::select! { () = of.gate.follow(&of.leadership, &*of) => {} () = stop.cancelled() => {} }
        Ok::<(), Infallible>(())
    });
    let (of, stop) = (context.clone(), worked.clone());
    tasks.spawn("events", async move {
        let (client, instance) = (of.client.clone(), of.leadership.identity().to_owned());
        of.events.run(client, Config::ABOUT.service, instance, stop).await;
        Ok::<(), Infallible>(())
    });
    let of = context.clone();
    // Dropped, however the queue ends: then the others may.
    let ended = worked.drop_guard();
    tasks.spawn("queue", async move {
        let _ended = ended;
        let queue = of.queue.clone();
        queue.run(move |key| reconcile(of.clone(), key), stopping).await;
        Ok::<(), Infallible>(())
    });
}
