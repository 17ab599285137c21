//! `drover plan`.

mod change;
mod manifest;
mod model;
mod set;
mod view;
mod words;

use std::path::PathBuf;

use api::daemon_set::DaemonSet;
use api::fleet_rollout::FleetRollout;
use clap::Args;
use k8s_openapi::api::apps::v1 as apps;
use kube::{Api, ResourceExt as _};

use self::change::{Change, New};
use self::manifest::Manifest;
use super::Failure;
use super::output::{self, Output};
use crate::app_set;
use crate::reach::{Cluster, Reach};
use crate::screen::Screen;
use crate::snapshot::{Freshness, Snapshot, read, without_daemon_set};
use crate::strategy::{self, Rules};
use crate::target::{FindError, Kind, Target, history};
use crate::timing::Durations;

/// What would be changed.
#[derive(Args, Debug)]
#[command(after_help = "\
What decides in the service is run here, on nodes and pods as you may read them, of a YurtAppSet on NodePools and workloads; \
nothing is changed. With a file the API server is asked (in a dry run) what would become of the object, and of a YurtAppSet \
whether it would take the workloads; if not in every pool, the exit code is 1. How long it takes and what a bad release would \
cost: drover simulate.

Examples:
  drover plan -f agent.yaml                       a changed DaemonSet
  drover plan -f web.yaml                         a changed YurtAppSet, pool by pool
  drover plan ds/agent                            a new template of this one, whatever it is
  drover plan ds/agent --strategy careful.yaml    by a RolloutStrategy that is not applied yet")]
#[group(id = "what", required = true, multiple = false, args = ["target", "file"])]
pub struct Options {
    /// A DaemonSet or a YurtAppSet (yas/NAME) that gets a new template.
    target: Option<Target>,
    /// The changed DaemonSet or YurtAppSet, as YAML or JSON; - reads stdin.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A RolloutStrategy, or its spec alone, as YAML or JSON; without it the one that the target names.
    #[arg(long, value_name = "FILE")]
    strategy: Option<PathBuf>,
    /// For programs.
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    #[command(flatten)]
    durations: Durations,
    #[command(flatten)]
    reach: Reach,
}

/// Nothing to plan.
#[derive(Debug, thiserror::Error)]
enum NoPlan {
    #[error("{0}: a plan is made for a DaemonSet or a YurtAppSet, such as ds/agent or yas/web")]
    Kind(Target),
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let cluster = options.reach.cluster().await?;
    let namespace = options.reach.namespace.as_deref();
    match (&options.file, &options.target) {
        (Some(file), _) => match Manifest::read(file)? {
            Manifest::DaemonSet(object) => {
                let change = change::of_manifest(&cluster, object, namespace).await?;
                of_daemon_set(&cluster, &change, &options).await
            }
            Manifest::YurtAppSet(object) => {
                let namespace = manifest::namespace(&object, namespace, &cluster.namespace);
                let change = set::Change::of_manifest(&cluster, object, &namespace).await?;
                of_set(&cluster, &change, &options).await
            }
        },
        (None, Some(target)) => match kind(&cluster, target).await? {
            Kind::YurtAppSet => {
                let present = app_set::get(&cluster, &cluster.namespace, &target.name).await?;
                of_set(&cluster, &set::Change::any_template(present), &options).await
            }
            Kind::DaemonSet | Kind::FleetRollout => {
                let change = Change::any(target.name.clone(), cluster.namespace.clone());
                of_daemon_set(&cluster, &change, &options).await
            }
        },
        (None, None) => Ok(()),
    }
}

async fn of_set(cluster: &Cluster, change: &set::Change, options: &Options) -> Result<(), Failure> {
    let plan = set::plan(cluster, change, options.strategy.as_deref(), &options.durations.timing()).await?;
    if let Some(output) = options.output {
        output::print(&plan, output)?;
    } else {
        let mut screen = Screen::new();
        let lines = plan.lines(screen.width());
        screen.say(&lines);
    }
    Ok(set::verdict(&plan)?)
}

async fn of_daemon_set(cluster: &Cluster, change: &Change, options: &Options) -> Result<(), Failure> {
    let (mut snapshot, changed) = snapshot(cluster, change).await?;
    let rules = match &options.strategy {
        Some(file) => strategy::of_file(file)?,
        None => strategy::of_daemon_set(cluster, &changed).await?,
    };
    let timing = options.durations.timing();
    let present = present(cluster, &changed).await?;
    let strategy = rules.parsed()?;
    snapshot.ask_dependencies(cluster, &strategy, &timing, Freshness::Exact).await;
    let planned = snapshot.plan_change(&changed, strategy, present.as_ref(), &timing);
    let shown = view::Shown { change, changed: &changed, rules: &rules, present: present.as_ref() };
    if let Some(output) = options.output {
        return output::print(&shown.model(&planned), output);
    }
    let mut screen = Screen::new();
    let lines = shown.lines(&planned, screen.width());
    screen.say(&lines);
    Ok(())
}

/// What a target is: that which is there, of a name alone.
async fn kind(cluster: &Cluster, target: &Target) -> Result<Kind, Failure> {
    match target.kind {
        Some(kind @ (Kind::DaemonSet | Kind::YurtAppSet)) => return Ok(kind),
        Some(Kind::FleetRollout) => return Err(NoPlan::Kind(target.clone()).into()),
        None => {}
    }
    let daemon_sets: Api<apps::DaemonSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    // What cannot be read is not there; whoever reads it then says why.
    let is_daemon_set = matches!(daemon_sets.get_metadata_opt(&target.name).await, Ok(Some(_)));
    let is_set = app_set::get(cluster, &cluster.namespace, &target.name).await.is_ok();
    match (is_daemon_set, is_set) {
        (true, true) => {
            let candidates = ["ds", "yas"].map(|kind| format!("{kind}/{}", target.name)).into();
            Err(FindError::Ambiguous { target: target.clone(), candidates }.into())
        }
        (false, true) => Ok(Kind::YurtAppSet),
        (true | false, false) => Ok(Kind::DaemonSet),
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
