//! `drover explain`.

use api::fleet_rollout::FleetRollout;
use clap::Args;
use planner::strategy::Timing;

use super::Failure;
use crate::app_set::{self, AppSet};
use crate::explain::{Scene, SetScene};
use crate::reach::{Cluster, Reach};
use crate::screen::Screen;
use crate::snapshot::{Freshness, read};
use crate::target::{Kind, Target, find, newest, runs};
use crate::text::{Line, Tone};
use crate::timing::Durations;

/// What is explained.
#[derive(Args, Debug)]
#[command(after_help = "\
The planner that decides in the service is run here, on the run's record, nodes and pods as you may read them: the words \
are the service's own.

Examples:
  drover explain node-17             of every target in the namespace
  drover explain berlin ds/agent     a pool, of one target
  drover explain '' agent            the nodes without a pool
  drover explain berlin yas/web      a pool of a YurtAppSet")]
pub struct Options {
    /// The name of a node or of a pool; '' for the nodes without a pool.
    what: String,
    /// A DaemonSet, a YurtAppSet (yas/NAME) or a FleetRollout; without it all of the namespace.
    target: Option<Target>,
    #[command(flatten)]
    durations: Durations,
    #[command(flatten)]
    reach: Reach,
}

/// Nothing to explain.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what:?} is neither a node nor a pool of {targets}\n→ pools are values of a node label: kubectl get nodes -L {label}; of a YurtAppSet name \
     a pool: kubectl get nodepools",
    label = api::names::POOL
)]
struct Unknown {
    what: String,
    targets: String,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let cluster = options.reach.cluster().await?;
    let timing = options.durations.timing();
    let runs = match &options.target {
        Some(target) => vec![find(&cluster, target).await?],
        None => newest(runs(&cluster, Some(&cluster.namespace)).await?),
    };
    let mut screen = Screen::new();
    let mut found = false;
    for run in &runs {
        let explained = if run.spec.target_ref.kind == Kind::YurtAppSet.as_str() {
            of_set(&cluster, run, &options.what, &timing, screen.width()).await?
        } else {
            of_daemon_set(&cluster, run, &options.what, &timing, screen.width()).await?
        };
        let Some(lines) = explained else { continue };
        found = true;
        let name = &run.spec.target_ref.name;
        screen.say(&[Line::of(Tone::Strong, format!("{name} → revision {}", run.spec.revision.number))]);
        screen.say(&lines);
    }
    if found {
        return Ok(());
    }
    let targets: Vec<String> = runs.iter().map(|run| run.spec.target_ref.name.clone()).collect();
    let targets = if targets.is_empty() { "any target here".to_owned() } else { targets.join(", ") };
    Err(Unknown { what: options.what, targets }.into())
}

/// A node or a pool in the run of a DaemonSet, if it is one.
async fn of_daemon_set(
    cluster: &Cluster,
    run: &FleetRollout,
    what: &str,
    timing: &Timing,
    width: usize,
) -> Result<Option<Vec<Line>>, Failure> {
    let name = &run.spec.target_ref.name;
    let mut snapshot = read(cluster, &cluster.namespace, name, Freshness::Exact).await?;
    let strategy = snapshot.strategy_of(run)?;
    snapshot.ask_dependencies(cluster, &strategy, timing, Freshness::Exact).await;
    let planned = snapshot.plan_run(run, timing)?;
    let target = format!("{name} -n {}", cluster.namespace);
    let scene = Scene { snapshot: &snapshot, plan: &planned.plan, target: &target, width };
    let lines = scene.node(what).or_else(|| scene.pool(what));
    Ok(lines.map(|lines| [lines, scene.whole()].concat()))
}

/// A pool in the run of a YurtAppSet, if it is one.
async fn of_set(
    cluster: &Cluster,
    run: &FleetRollout,
    what: &str,
    timing: &Timing,
    width: usize,
) -> Result<Option<Vec<Line>>, Failure> {
    let name = &run.spec.target_ref.name;
    let mut app_set = app_set::read(cluster, &cluster.namespace, name, Freshness::Exact).await?;
    let strategy = AppSet::rules_of(run)?.strategy;
    app_set.ask_dependencies(cluster, &strategy, timing, Freshness::Exact).await;
    let planned = app_set.plan_run(run, timing)?;
    let target = format!("yas/{name} -n {}", cluster.namespace);
    let scene = SetScene { app_set: &app_set, run, planned: &planned, target: &target, width };
    Ok(scene.pool(what))
}
