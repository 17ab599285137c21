//! `drover plan`.

mod change;
mod view;

use std::path::PathBuf;

use api::daemon_set::DaemonSet;
use api::fleet_rollout::FleetRollout;
use clap::Args;
use kube::ResourceExt as _;

use self::change::{Change, New};
use super::Failure;
use crate::reach::{Cluster, Reach};
use crate::screen::Screen;
use crate::snapshot::{Freshness, Snapshot, read, without_daemon_set};
use crate::strategy::{self, Rules};
use crate::target::{FindError, Kind, Target, history};
use crate::timing::Durations;

/// What would be changed.
#[derive(Args, Debug)]
#[command(after_help = "\
The planner that decides in the service is run here, on nodes and pods as you may read them; nothing is changed. With a \
file the API server is asked (in a dry run) what would become of the DaemonSet. How long it takes and what a bad release \
would cost: drover simulate.

Examples:
  drover plan -f agent.yaml                       a changed DaemonSet
  drover plan ds/agent                            a new template of this one, whatever it is
  drover plan ds/agent --strategy careful.yaml    by a RolloutStrategy that is not applied yet")]
#[group(id = "what", required = true, multiple = false, args = ["target", "file"])]
pub struct Options {
    /// A DaemonSet that gets a new template.
    target: Option<Target>,
    /// The changed DaemonSet, as YAML or JSON; - reads stdin.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A RolloutStrategy, or its spec alone, as YAML or JSON; without it the one that the DaemonSet names.
    #[arg(long, value_name = "FILE")]
    strategy: Option<PathBuf>,
    #[command(flatten)]
    durations: Durations,
    #[command(flatten)]
    reach: Reach,
}

/// Nothing to plan.
#[derive(Debug, thiserror::Error)]
enum NoPlan {
    #[error(
        "{0}: a plan is made for a DaemonSet, such as ds/agent\n→ of a YurtAppSet, drover status tells what its run does"
    )]
    Kind(Target),
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let cluster = options.reach.cluster().await?;
    let change = match (&options.file, &options.target) {
        (Some(file), _) => change::of_file(&cluster, file, options.reach.namespace.as_deref()).await?,
        (None, Some(target)) => Change::any(daemon_set_name(target)?, cluster.namespace.clone()),
        (None, None) => return Ok(()),
    };
    let (mut snapshot, changed) = snapshot(&cluster, &change).await?;
    let rules = match &options.strategy {
        Some(file) => strategy::of_file(file)?,
        None => strategy::of_daemon_set(&cluster, &changed).await?,
    };
    let timing = options.durations.timing();
    let mut screen = Screen::new();
    let present = present(&cluster, &changed).await?;
    let strategy = rules.parsed()?;
    snapshot.ask_dependencies(&cluster, &strategy, &timing, Freshness::Exact).await;
    let planned = snapshot.plan_change(&changed, strategy, present.as_ref(), &timing);
    let shown = view::Shown { change: &change, changed: &changed, rules: &rules, present: present.as_ref() };
    let lines = shown.lines(&planned, screen.width());
    screen.say(&lines);
    Ok(())
}

fn daemon_set_name(target: &Target) -> Result<String, NoPlan> {
    match target.kind {
        None | Some(Kind::DaemonSet) => Ok(target.name.clone()),
        Some(Kind::YurtAppSet | Kind::FleetRollout) => Err(NoPlan::Kind(target.clone())),
    }
}

/// The cluster as it is, and the DaemonSet as it would be.
async fn snapshot(cluster: &Cluster, change: &Change) -> Result<(Snapshot, DaemonSet), Failure> {
    match &change.new {
        New::DaemonSet(daemon_set) => {
            let snapshot = without_daemon_set(cluster, daemon_set).await?;
            Ok((snapshot, (**daemon_set).clone()))
        }
        New::Template(daemon_set) => {
            let snapshot = read(cluster, &change.namespace, &change.name, Freshness::Exact).await?;
            Ok((snapshot, (**daemon_set).clone()))
        }
        New::Any => {
            let snapshot = read(cluster, &change.namespace, &change.name, Freshness::Exact).await?;
            let changed = snapshot.daemon_set.clone();
            Ok((snapshot, changed))
        }
    }
}

/// The newest run of the DaemonSet, if it has one.
async fn present(cluster: &Cluster, daemon_set: &DaemonSet) -> Result<Option<FleetRollout>, Failure> {
    let name = daemon_set.metadata.name.clone();
    let there = Cluster { namespace: daemon_set.metadata.namespace.clone(), ..cluster.clone() };
    match history(&there, &Target { kind: Some(Kind::DaemonSet), name }).await {
        Ok(mut runs) => Ok(runs.pop()),
        Err(FindError::Nothing { .. } | FindError::Unrun { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The name of a strategy's object.
pub(super) fn title(rules: &Rules) -> String {
    match rules {
        Rules::Named(object) => format!("strategy {}", object.name_any()),
        Rules::File(..) => "the strategy of the file".to_owned(),
        Rules::Implied(..) => "the annotations of the DaemonSet (no strategy)".to_owned(),
    }
}
