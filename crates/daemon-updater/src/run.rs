//! Puts the service together.

use std::sync::Arc;

use api::daemon_set::DaemonSet;
use chassis::access::Table;
use chassis::{Process, ServiceConfig};
use controller_runtime::fleet::{self, Fleet, FleetMetrics};
use controller_runtime::lease::NeighbourWatch;
use controller_runtime::mirror::{Mirror, Mirrored as _};
use controller_runtime::rollouts::{Desk, Elsewhere, Kind, Named, Standings};
use controller_runtime::watch::WatchTarget;
use controller_runtime::work::{RunError, Settings, Work};
use k8s_openapi::api::apps::v1 as apps;
use planner::fleet::Uid;
use tokio::sync::Semaphore;

use crate::claims::Claims;
use crate::config::Config;
use crate::context::{Context, Metrics, MirrorDump, Runs};
use crate::pools::Pools;
use crate::reconcile::reconcile;

/// Runs daemon-updater until it is told to stop.
pub async fn run(mut process: Process, config: Config) -> Result<(), RunError> {
    let settings = Settings {
        about: Config::ABOUT,
        component: Config::ABOUT.service,
        kube: &config.kube,
        lease: &config.lease,
        workers: config.workers,
    };
    let work = Work::begin(&process, settings).await?;
    let (metrics, fleet) = (Metrics::default(), Fleet::default());
    process.metrics().with(|registry| {
        metrics.register(registry);
        FleetMetrics::register(&fleet, registry);
    });
    let yurt = &config.yurt_manager;
    let neighbour = NeighbourWatch::new(work.client.clone(), &yurt.namespace, &yurt.lease, &work.watches);
    let appsets = config.peers.appset_controller.as_ref().map(rollouts::follow).transpose();
    let appsets = appsets.map_err(RunError::peer("peers.appset_controller.peer"))?;
    let daemon_sets = Mirror::default();
    let standings = standings(daemon_sets.clone(), appsets.as_ref().map(|appsets| appsets.view.clone()));
    let desk = Desk::open(&process, &work, Kind::DAEMON_SET, standings);
    let context = Arc::new(Context {
        timing: config.timing.plan(),
        fleet,
        daemon_sets,
        pools: Pools::default(),
        queue: work.queue.clone(),
        leadership: work.leadership.clone(),
        neighbour: neighbour.subscribe(),
        events: work.events.clone(),
        gate: work.gate.clone(),
        claims: Claims::default(),
        runs: Runs::default(),
        metrics,
        deletes: Semaphore::new(usize::from(config.deletes_at_once)),
        listed: desk.listed.clone(),
        desk,
        freed: std::sync::Mutex::default(),
        client: work.client.clone(),
        config,
    });
    let table = serve(&mut process, &context);
    work.serve(&mut process, table);
    follow(&process, &context, &work);
    let of = context.clone();
    neighbour.follow(&process, move |_| of.wake_all());
    if let Some(appsets) = appsets {
        let desk = context.desk.clone();
        process.until_stopped("appset-controller", appsets.run(move || desk.wake_for_others()));
    }
    let of = context.clone();
    work.start(&process, context, move |key| reconcile(of.clone(), key));
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

/// What is served: `AdminService` and `RolloutService`. Who may call the latter.
fn serve(process: &mut Process, context: &Arc<Context>) -> Table {
    let of = context.clone();
    process.dump("reports", move || of.runs.reports());
    let of = context.clone();
    process.dump("mirror", move || MirrorDump::of(&of));
    let of = context.clone();
    context.desk.serve(process, &context.config.rollout_service, move || of.daemon_sets.age())
}

/// Keeps every mirror up to date.
fn follow(process: &Process, context: &Arc<Context>, work: &Work<Uid>) {
    let (of, fleet) = (context.clone(), context.fleet.clone());
    let pods_and_nodes =
        fleet::follow(work.client.clone(), fleet, work.watches.clone(), move |touched| of.on_fleet(touched));
    process.until_stopped("fleet", pods_and_nodes);
    let (of, target) = (context.clone(), WatchTarget::of::<apps::DaemonSet>(None));
    work.follow(process, "daemonsets", &context.daemon_sets, target, move |uid| of.on_object(uid));
    context.desk.follow(process, &work.watches);
    let of = context.clone();
    work.follow(process, "nodepools", &context.pools.mirror, Pools::target(), move |pool| of.on_pool(pool.as_ref()));
    let of = context.clone();
    context.desk.attend(process, context.gate.clone(), move || of.is_listed());
}
