//! `cargo xtask cluster`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};

use crate::cluster::{Cluster, ClusterSpec};
use crate::named::{Down, NamedCluster};
use crate::nodes::Fleet;

/// A local cluster that lives until it is told to end.
#[derive(Subcommand)]
pub(super) enum ClusterCommand {
    /// Starts a cluster with kwok nodes; several run side by side under different names.
    Up(Up),
    /// Ends it: no process and no file is left.
    Down {
        #[command(flatten)]
        name: Name,
        /// Leave the files of a cluster that was started with --keep, for the next `up --keep`.
        #[arg(long)]
        keep: bool,
    },
    /// Shows which clusters there are and how they are.
    Status,
    /// Prints shell commands that make kubectl use the cluster: eval "$(cargo xtask cluster env)".
    Env(Name),
}

#[derive(Args)]
pub(super) struct Name {
    /// The cluster's name.
    #[arg(long, default_value = "dev")]
    name: String,
}

#[derive(Args)]
pub(super) struct Up {
    #[command(flatten)]
    name: Name,
    /// How many nodes.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    nodes: u32,
    /// In how many pools.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pools: u32,
    /// Seconds a node's lease lasts.
    #[arg(long, default_value_t = 4)]
    lease: u32,
    /// Seconds after which a silent node is `NotReady`.
    #[arg(long, default_value_t = 4)]
    grace: u32,
    /// Keep etcd's data on disk: the cluster goes on from it after a crash or a reboot.
    #[arg(long)]
    keep: bool,
    /// Make the nodes in this cluster, which has kwok, instead of starting one.
    #[arg(long, value_name = "FILE", conflicts_with = "keep")]
    kubeconfig: Option<std::path::PathBuf>,
}

pub(super) async fn run(command: ClusterCommand) -> Result<()> {
    match command {
        ClusterCommand::Up(up) => match &up.kubeconfig {
            Some(kubeconfig) => populate(kubeconfig, &Fleet::new(up.nodes, up.pools)).await,
            None => start(up).await,
        },
        ClusterCommand::Down { name, keep } => {
            match NamedCluster::down(&name.name, keep)? {
                Down::Ended => eprintln!("cluster {} ended", name.name),
                Down::Absent => eprintln!("there is no cluster {}", name.name),
            }
            Ok(())
        }
        ClusterCommand::Status => status().await,
        ClusterCommand::Env(name) => {
            let found = NamedCluster::find(&name.name)?;
            let cluster = found
                .with_context(|| format!("there is no cluster {0}: cargo xtask cluster up --name {0}", name.name))?;
            super::print(&cluster.environment());
            Ok(())
        }
    }
}

async fn start(up: Up) -> Result<()> {
    let begin = std::time::Instant::now();
    let spec = ClusterSpec::new(up.nodes, up.pools).lease(up.lease, up.grace);
    let cluster = NamedCluster::up(&up.name.name, spec, up.keep).await?;
    let seconds = begin.elapsed().as_secs_f32();
    eprintln!(
        "cluster {} is up after {seconds:.1} s: {} nodes in {} pools",
        cluster.name, cluster.nodes, cluster.pools
    );
    eprintln!("to use it: eval \"$(cargo xtask cluster env --name {})\"", cluster.name);
    Ok(())
}

async fn populate(kubeconfig: &Path, fleet: &Fleet) -> Result<()> {
    let cluster = Cluster::connect(kubeconfig).await?;
    cluster.nodes()?.create(fleet).await?;
    eprintln!("{} nodes are Ready", fleet.names().len());
    Ok(())
}

async fn status() -> Result<()> {
    let clusters = NamedCluster::all()?;
    if clusters.is_empty() {
        eprintln!("there is no cluster; cargo xtask cluster up makes one");
    }
    let mut broken = Vec::new();
    for cluster in clusters {
        match state(&cluster).await {
            Ok(state) => super::print(&format!("{}: {state}, {}\n", cluster.name, cluster.kubeconfig.display())),
            Err(error) => broken.push(format!("{}: {error:#}", cluster.name)),
        }
    }
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    Ok(())
}

async fn state(cluster: &NamedCluster) -> Result<String> {
    if !cluster.runs() {
        return Ok("not running (ended by a crash or reboot, or with --keep)".to_owned());
    }
    let nodes = cluster.connect().await?.nodes()?;
    let (all, ready) = (nodes.list().await?.len(), nodes.ready().await?.len());
    Ok(format!("running, {ready} of {all} nodes Ready"))
}
