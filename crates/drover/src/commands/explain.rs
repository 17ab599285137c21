//! `drover explain`.

use clap::Args;
use kube::ResourceExt as _;

use super::Failure;
use crate::explain::Scene;
use crate::reach::Reach;
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
  drover explain '' agent            the nodes without a pool")]
pub struct Options {
    /// The name of a node or of a pool; '' for the nodes without a pool.
    what: String,
    /// A DaemonSet or a FleetRollout; without it all DaemonSets.
    target: Option<Target>,
    #[command(flatten)]
    durations: Durations,
    #[command(flatten)]
    reach: Reach,
}

/// A run whose units are pools.
#[derive(Debug, thiserror::Error)]
#[error(
    "{set} is not explained by this command: its units are pools, and its own status tells of each what it waits for\n→ kubectl describe yas {set} -n {namespace}, or drover status yas/{set}"
)]
struct OfPools {
    set: String,
    namespace: String,
}

/// Nothing to explain.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what:?} is neither a node nor a pool of {targets}\n→ pools are values of a node label: kubectl get nodes -L {label}",
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
    let of_pools = runs.iter().find(|run| run.spec.target_ref.kind != Kind::DaemonSet.as_str());
    if let Some(run) = of_pools.filter(|_| options.target.is_some()) {
        return Err(OfPools { set: run.spec.target_ref.name.clone(), namespace: cluster.namespace }.into());
    }
    let mut screen = Screen::new();
    let mut found = false;
    for run in runs.iter().filter(|run| run.spec.target_ref.kind == Kind::DaemonSet.as_str()) {
        let name = &run.spec.target_ref.name;
        let mut snapshot = read(&cluster, &cluster.namespace, name, Freshness::Exact).await?;
        let strategy = snapshot.strategy_of(run)?;
        snapshot.ask_dependencies(&cluster, &strategy, &timing, Freshness::Exact).await;
        let planned = snapshot.plan_run(run, &timing)?;
        let target = format!("{name} -n {}", run.namespace().unwrap_or_default());
        let scene = Scene { snapshot: &snapshot, plan: &planned.plan, target: &target, width: screen.width() };
        let lines = scene.node(&options.what).or_else(|| scene.pool(&options.what));
        let Some(lines) = lines else { continue };
        found = true;
        screen.say(&[Line::of(Tone::Strong, format!("{name} → revision {}", run.spec.revision.number))]);
        screen.say(&lines);
        let whole = scene.whole();
        screen.say(&whole);
    }
    if found {
        return Ok(());
    }
    let targets: Vec<String> = runs.iter().map(|run| run.spec.target_ref.name.clone()).collect();
    let targets = if targets.is_empty() { "any target here".to_owned() } else { targets.join(", ") };
    Err(Unknown { what: options.what, targets }.into())
}
