//! Puts the service together.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use api::names::app_set as names;
use chassis::access::Table;
use chassis::{Process, ServiceConfig};
use controller_runtime::client::Writer;
use controller_runtime::lease::NeighbourWatch;
use controller_runtime::mirror::Mirror;
use controller_runtime::rollouts::{Desk, Elsewhere, Kind, Named, Standings};
use controller_runtime::work::{RunError, Settings, Work};
use jiff::Timestamp;
use planner::fleet::{Name, Uid};
use tokio::sync::Semaphore;

use crate::FIELD_MANAGER;
use crate::config::{Config, Peers};
use crate::context::{Context, MirrorDump};
use crate::memory::Memories;
use crate::metrics::Metrics;
use crate::mirrors::{self, Mirrors, SeenSet, target};
use crate::reach::{Reachable, Topology};
use crate::reconcile::reconcile;

/// Runs appset-controller until it is told to stop.
pub async fn run(mut process: Process, config: Config) -> Result<(), RunError> {
    let settings = Settings {
        about: Config::ABOUT,
        component: names::EVENT_SOURCE,
        kube: &config.kube,
        lease: &config.lease,
        workers: config.workers,
    };
    let work = Work::begin(&process, settings).await?;
    let metrics = Metrics::default();
    process.metrics().with(|registry| metrics.register(registry));
    let yurt = &config.yurt_manager;
    let neighbour = NeighbourWatch::new(work.client.clone(), &yurt.namespace, &yurt.lease, &work.watches);
    let Peers { daemon_updater, topology } = &config.peers;
    let daemon_sets = daemon_updater.as_ref().map(rollouts::follow).transpose();
    let daemon_sets = daemon_sets.map_err(RunError::peer("peers.daemon_updater.peer"))?;
    let topology = topology.as_ref().map(Topology::of).transpose();
    let topology = topology.map_err(RunError::peer("peers.topology.peer"))?;
    let mirrors = Mirrors::default();
    let standings = standings(mirrors.sets.clone(), daemon_sets.as_ref().map(|follow| follow.view.clone()));
    let desk = Desk::open(&process, &work, Kind::YURT_APP_SET, standings);
    let context = Arc::new(Context {
        timing: config.timing.plan(),
        writer: Writer::new(work.client.clone(), FIELD_MANAGER),
        mirrors,
        queue: work.queue.clone(),
        leadership: work.leadership.clone(),
        neighbour: neighbour.subscribe(),
        reachable: Reachable::new(topology.as_ref()),
        events: work.events.clone(),
        gate: work.gate.clone(),
        memories: Memories::default(),
        metrics,
        keeps_bounds: AtomicBool::new(true),
        writes: Semaphore::new(usize::from(config.writes_at_once)),
        listed: desk.listed.clone(),
        desk,
        began: Mutex::new(Timestamp::now()),
        client: work.client.clone(),
        config,
    });
    let table = serve(&mut process, &context);
    work.serve(&mut process, table);
    follow(&process, &context, &work);
    let of = context.clone();
    neighbour.follow(&process, move |_| of.wake_all());
    if let Some(daemon_sets) = daemon_sets {
        let desk = context.desk.clone();
        process.until_stopped("daemon-updater", daemon_sets.run(move || desk.wake_for_others()));
    }
    if let Some(topology) = topology {
        let (of, wakes) = (context.clone(), context.clone());
        process
            .until_stopped("topology", topology.run(move |reach| of.reachable.note(reach), move || wakes.wake_all()));
    }
    let of = context.clone();
    work.start(&process, context, move |key| reconcile(of.clone(), key));
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

/// What is served: `AdminService` and `RolloutService`. Who may call the latter.
fn serve(process: &mut Process, context: &Arc<Context>) -> Table {
    let of = context.clone();
    process.dump("reports", move || of.memories.reports());
    let of = context.clone();
    process.dump("mirror", move || MirrorDump::of(&of));
    let of = context.clone();
    context.desk.serve(process, &context.config.rollout_service, move || of.mirrors.sets.age())
}

/// Keeps every mirror up to date.
fn follow(process: &Process, context: &Arc<Context>, work: &Work<Uid>) {
    let mirrors = &context.mirrors;
    let of = context.clone();
    work.follow(process, "yurtappsets", &mirrors.sets, target::sets(), move |key| of.on_set(key.as_ref()));
    let of = context.clone();
    work.follow(process, "nodepools", &mirrors.node_pools, target::node_pools(), move |pool| of.on_pool(pool.as_ref()));
    let of = context.clone();
    let on_belonging = move |key: Option<Name>| of.on_belonging(key.as_ref());
    work.follow(process, "deployments", &mirrors.deployments, target::deployments(), on_belonging.clone());
    work.follow(process, "statefulsets", &mirrors.stateful_sets, target::stateful_sets(), on_belonging.clone());
    work.follow(process, "controllerrevisions", &mirrors.revisions, target::revisions(), on_belonging);
    context.desk.follow(process, &work.watches);
    let of = context.clone();
    context.desk.attend(process, context.gate.clone(), move || of.is_listed());
}
