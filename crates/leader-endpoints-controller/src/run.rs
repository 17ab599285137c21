//! Puts the service together.

use std::sync::Arc;
use std::time::Duration;

use chassis::access::{Allow, Table};
use chassis::{Process, ProcessError, ServiceConfig};
use controller_runtime::client::{ApiCalls, ConnectError, Writer, connect};
use controller_runtime::events::{EventMetrics, EventRecorder, EventSettings};
use controller_runtime::lease::{
    Election, Gate, LeaseElection, LeaseMetrics, LeaseSettingsError, Neighbour, NeighbourWatch, identity,
};
use controller_runtime::mirror::Mirror;
use controller_runtime::queue::{Queue, QueueMetrics, WorkerBounds};
use controller_runtime::token_review::TokenReviews;
use controller_runtime::watch::{WatchMetrics, WatchTarget};
use controller_runtime::work::{Work, standing};
use k8s_openapi::api::core::v1 as core;
use proto::topology::v1::topology_service_server::SERVICE_NAME as TOPOLOGY_SERVICE;
use tokio::sync::watch;

use crate::FIELD_MANAGER;
use crate::config::Config;
use crate::context::{Context, Key, MirrorDump, Outputs};
use crate::ledger::Ledger;
use crate::members::ToldUnreadable;
use crate::memory::Memories;
use crate::metrics::Metrics;
use crate::mode::Decision;
use crate::multiplexer::{self, Scopes};
use crate::outputs::Output;
use crate::reconcile::reconcile;
use crate::topology::{self, Topology};

/// How often readiness is looked at until it is there.
const READINESS_EVERY: Duration = Duration::from_millis(100);

/// Why the service did not start or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no API server to be had.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The lease's settings do not fit together.
    #[error(transparent)]
    Lease(#[from] LeaseSettingsError),
    /// The process failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Runs leader-endpoints-controller until it is told to stop.
pub async fn run(mut process: Process, config: Config) -> Result<(), RunError> {
    let (calls, watches) = (ApiCalls::default(), WatchMetrics::default());
    let about = Config::ABOUT;
    let client = connect(about.service, about.version, &config.kube.settings(), &calls).await?;
    let (queue_metrics, lease_metrics) = (QueueMetrics::default(), LeaseMetrics::default());
    let (event_metrics, metrics) = (EventMetrics::default(), Metrics::default());
    let (ledger, topology) = (Arc::<Ledger>::default(), topology::Metrics::default());
    process.metrics().with(|registry| {
        calls.register(registry);
        watches.register(registry);
        queue_metrics.register(registry);
        lease_metrics.register(registry);
        event_metrics.register(registry);
        metrics.register(registry, ledger.clone());
        topology.register(registry);
    });
    let settings = config.lease.settings(config.kube.write_timeout.get());
    let election = LeaseElection::new(client.clone(), settings, identity(), lease_metrics, watches.clone())?;
    let yurt = &config.yurt_manager;
    let neighbour = NeighbourWatch::new(client.clone(), &yurt.namespace, &yurt.lease, &watches);
    let decision = Decision::of(config.mode, yurt, &Neighbour::Unknown, &Decision::Undecided);
    let context = Arc::new(Context {
        writer: Writer::new(client.clone(), FIELD_MANAGER),
        pools: Mirror::default(),
        nodes: Mirror::default(),
        outputs: Outputs::default(),
        roles: Mirror::default(),
        queue: Queue::new(config.workers, WorkerBounds::default(), queue_metrics),
        leadership: election.leadership(),
        decision: watch::Sender::new(decision),
        events: EventRecorder::new(EventSettings::default(), event_metrics),
        gate: Gate::default(),
        memories: Memories::default(),
        scopes: Scopes::default(),
        unreadable: ToldUnreadable::default(),
        topology: Topology::default(),
        ledger,
        metrics,
        listed: tokio::sync::Notify::new(),
        heard: std::sync::Mutex::default(),
        client,
        config,
    });
    serve(&mut process, &context, topology);
    follow(&process, &context, &watches);
    heed(&process, &context, neighbour);
    let (work, of) = (context.work(), context.clone());
    work.start(&process, election, context, move |key| reconcile(of.clone(), key));
    Ok(process.run().await?)
}

/// What is served: `AdminService` and `TopologyService`.
fn serve(process: &mut Process, context: &Arc<Context>, topology: topology::Metrics) {
    let table = Table::default().service(TOPOLOGY_SERVICE, Allow::namespace(api::rbac::NAMESPACE));
    process.access(TokenReviews::new(context.client.clone()), table);
    let of = context.clone();
    let age = move || of.nodes.age().max(of.pools.age());
    let (settings, stopping) = (context.config.topology.clone(), process.shutdown().stopping());
    let service = topology::Service::new(context.topology.clone(), settings, topology, age, stopping);
    process.service(service.into_server());
    process.workers(Arc::new(context.queue.clone()));
    process.standing(standing(context.leadership.clone()));
    let of = context.clone();
    process.dump("mode", move || of.decision.borrow().to_string());
    let of = context.clone();
    process.dump("pools", move || of.memories.reports());
    let of = context.clone();
    process.dump("lease", move || format!("{:?}", of.leadership.subscribe().borrow()));
    let of = context.topology.clone();
    process.dump("topology", move || of.dump());
    let of = context.clone();
    process.dump("mirror", move || MirrorDump::of(&of));
}

/// Keeps every mirror up to date.
fn follow(process: &Process, context: &Arc<Context>, watches: &WatchMetrics) {
    let client = || context.client.clone();
    let metrics = || watches.clone();
    let of = context.clone();
    let nodes = WatchTarget::of::<core::Node>(None);
    let nodes = context.nodes.clone().follow(client(), nodes, metrics(), move |pool| of.on_node(pool));
    process.until_stopped("nodes", nodes);
    let of = context.clone();
    let pools = WatchTarget::of::<api::node_pool::NodePool>(None);
    let pools = context.pools.clone().follow(client(), pools, metrics(), move |pool| of.on_pool(pool));
    process.until_stopped("nodepools", pools);
    for (name, output) in
        [("endpoints", Output::Endpoints), ("configmaps", Output::ConfigMap), ("endpointslices", Output::SliceIpv4)]
    {
        let of = context.clone();
        let target = output.watched(&context.config.working_namespace);
        let mirror = context.outputs.of(output).clone();
        process.until_stopped(name, mirror.follow(client(), target, metrics(), move |pool| of.on_output(pool)));
    }
    let of = context.clone();
    let roles = context.roles.clone();
    let roles = roles.follow(client(), multiplexer::watched(), metrics(), move |role| of.on_role(role));
    process.until_stopped("clusterroles", roles);
    let of = context.clone();
    let listed = process.readiness().register("mirrors");
    process.until_stopped("readiness", async move {
        while !of.is_listed() {
            tokio::time::sleep(READINESS_EVERY).await;
        }
        of.topology.listed(&of.pools, &of.nodes);
        listed.ready();
        std::future::pending::<()>().await;
    });
}

/// Decides who elects, as yurt-manager comes and goes.
fn heed(process: &Process, context: &Arc<Context>, neighbour: NeighbourWatch) {
    let (of, mut known) = (context.clone(), neighbour.subscribe());
    process.until_stopped("yurt-manager", neighbour.run());
    tracing::info!(decision = %*context.decision.borrow(), "who elects");
    process.until_stopped("mode", async move {
        while known.changed().await.is_ok() {
            let neighbour = known.borrow_and_update().clone();
            let changed = of.decision.send_if_modified(|decision| {
                let now = Decision::of(of.config.mode, &of.config.yurt_manager, &neighbour, decision);
                let changed = *decision != now;
                *decision = now;
                changed
            });
            if changed {
                tracing::info!(decision = %*of.decision.borrow(), "who elects");
                of.wake_all();
            }
        }
    });
}

impl Context {
    /// What of it acts.
    fn work(&self) -> Work<Key> {
        Work {
            component: Config::ABOUT.service,
            client: self.client.clone(),
            leadership: self.leadership.clone(),
            gate: self.gate.clone(),
            events: self.events.clone(),
            queue: self.queue.clone(),
        }
    }
}
