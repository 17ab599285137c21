//! Puts the service together.

use std::sync::Arc;
use std::time::Duration;

use chassis::access::{Allow, Table};
use chassis::{Process, ServiceConfig};
use controller_runtime::client::Writer;
use controller_runtime::lease::{Neighbour, NeighbourWatch};
use controller_runtime::mirror::Mirror;
use controller_runtime::watch::WatchTarget;
use controller_runtime::work::{RunError, Settings, Work};
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

/// Runs leader-endpoints-controller until it is told to stop.
pub async fn run(mut process: Process, config: Config) -> Result<(), RunError> {
    let settings = Settings {
        about: Config::ABOUT,
        component: Config::ABOUT.service,
        kube: &config.kube,
        lease: &config.lease,
        workers: config.workers,
    };
    let work = Work::begin(&process, settings).await?;
    let (metrics, topology) = (Metrics::default(), topology::Metrics::default());
    let ledger = Arc::<Ledger>::default();
    process.metrics().with(|registry| {
        metrics.register(registry, ledger.clone());
        topology.register(registry);
    });
    let yurt = &config.yurt_manager;
    let neighbour = NeighbourWatch::new(work.client.clone(), &yurt.namespace, &yurt.lease, &work.watches);
    let decision = Decision::of(config.mode, yurt, &Neighbour::Unknown, &Decision::Undecided);
    let context = Arc::new(Context {
        writer: Writer::new(work.client.clone(), FIELD_MANAGER),
        pools: Mirror::default(),
        nodes: Mirror::default(),
        outputs: Outputs::default(),
        roles: Mirror::default(),
        queue: work.queue.clone(),
        leadership: work.leadership.clone(),
        decision: watch::Sender::new(decision),
        events: work.events.clone(),
        gate: work.gate.clone(),
        memories: Memories::default(),
        scopes: Scopes::default(),
        unreadable: ToldUnreadable::default(),
        topology: Topology::default(),
        ledger,
        metrics,
        listed: tokio::sync::Notify::new(),
        heard: std::sync::Mutex::default(),
        client: work.client.clone(),
        config,
    });
    let table = serve(&mut process, &context, topology);
    work.serve(&mut process, table);
    follow(&process, &context, &work);
    heed(&process, &context, neighbour);
    let of = context.clone();
    work.start(&process, context, move |key| reconcile(of.clone(), key));
    Ok(process.run().await?)
}

/// What is served: `AdminService` and `TopologyService`. Who may call the latter.
fn serve(process: &mut Process, context: &Arc<Context>, topology: topology::Metrics) -> Table {
    let of = context.clone();
    let age = move || of.nodes.age().max(of.pools.age());
    let (settings, stopping) = (context.config.topology.clone(), process.shutdown().stopping());
    let service = topology::Service::new(context.topology.clone(), settings, topology, age, stopping);
    process.service(service.into_server());
    let of = context.clone();
    process.dump("mode", move || of.decision.borrow().to_string());
    let of = context.clone();
    process.dump("pools", move || of.memories.reports());
    let of = context.topology.clone();
    process.dump("topology", move || of.dump());
    let of = context.clone();
    process.dump("mirror", move || MirrorDump::of(&of));
    Table::default().service(TOPOLOGY_SERVICE, Allow::namespace(api::rbac::NAMESPACE))
}

/// Keeps every mirror up to date.
fn follow(process: &Process, context: &Arc<Context>, work: &Work<Key>) {
    let (of, target) = (context.clone(), WatchTarget::of::<core::Node>(None));
    work.follow(process, "nodes", &context.nodes, target, move |pool| of.on_node(pool));
    let (of, target) = (context.clone(), WatchTarget::of::<api::node_pool::NodePool>(None));
    work.follow(process, "nodepools", &context.pools, target, move |pool| of.on_pool(pool));
    for (name, output) in
        [("endpoints", Output::Endpoints), ("configmaps", Output::ConfigMap), ("endpointslices", Output::SliceIpv4)]
    {
        let (of, target) = (context.clone(), output.watched(&context.config.working_namespace));
        work.follow(process, name, context.outputs.of(output), target, move |pool| of.on_output(pool));
    }
    let of = context.clone();
    work.follow(process, "clusterroles", &context.roles, multiplexer::watched(), move |role| of.on_role(role));
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
    let of = context.clone();
    tracing::info!(decision = %*context.decision.borrow(), "who elects");
    neighbour.follow(process, move |neighbour| {
        let changed = of.decision.send_if_modified(|decision| {
            let now = Decision::of(of.config.mode, &of.config.yurt_manager, neighbour, decision);
            let changed = *decision != now;
            *decision = now;
            changed
        });
        if changed {
            tracing::info!(decision = %*of.decision.borrow(), "who elects");
            of.wake_all();
        }
    });
}
