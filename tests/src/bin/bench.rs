//! The benchmark's process, and those of its contenders. Run by `cargo xtask bench`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tests::bench::appset::AppsetBench;
use tests::bench::leaders::LeadersBench;
use tests::bench::waves::WavesBench;
use tests::bench::{Bench, appset, ideal, null};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// daemon-updater against an ideal client and a null controller.
    DaemonUpdater {
        /// Its program.
        #[arg(long)]
        updater: PathBuf,
        /// The fleet sizes.
        #[arg(long, value_delimiter = ',')]
        nodes: Vec<u32>,
        /// Where to write the figures.
        #[arg(long)]
        json: Option<PathBuf>,
        /// Rollouts of each contender.
        #[arg(long)]
        rollouts: Option<u32>,
    },
    /// leader-endpoints-controller.
    Leaders {
        /// Its program.
        #[arg(long)]
        controller: PathBuf,
        /// How many pools there are.
        #[arg(long)]
        pools: u32,
        /// How many leaders are lost.
        #[arg(long)]
        failovers: u32,
        /// Where to write the figures.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// appset-controller against an ideal client.
    Appset {
        /// Its program.
        #[arg(long)]
        controller: PathBuf,
        /// The numbers of pools.
        #[arg(long, value_delimiter = ',')]
        pools: Vec<u32>,
        /// Where to write the figures.
        #[arg(long)]
        json: Option<PathBuf>,
        /// Rollouts of each writer.
        #[arg(long)]
        rollouts: Option<u32>,
    },
    /// The planner's rules, by simulation.
    Waves {
        /// How many nodes each fleet has.
        #[arg(long)]
        nodes: u32,
        /// How many seeds each case is tried with.
        #[arg(long)]
        seeds: u32,
        /// Where to write the figures.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// The ideal client of daemon-updater's benchmark.
    Ideal { kubeconfig: PathBuf },
    /// That of appset-controller's.
    AppsetIdeal { kubeconfig: PathBuf, objects: PathBuf },
    /// The null controller.
    Null { kubeconfig: PathBuf },
}

fn main() -> Result<()> {
    // One thread, as daemon-updater has: more cost more.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    runtime.block_on(async {
        match Args::parse().mode {
            Mode::DaemonUpdater { updater, nodes, json, rollouts } => {
                Bench { nodes, updater, json, rollouts }.run().await
            }
            Mode::Leaders { controller, pools, failovers, json } => {
                LeadersBench { pools, failovers, controller, json }.run().await
            }
            Mode::Appset { controller, pools, json, rollouts } => {
                AppsetBench { pools, controller, json, rollouts }.run().await
            }
            Mode::Waves { nodes, seeds, json } => WavesBench { nodes, seeds, json }.run(),
            Mode::Ideal { kubeconfig } => ideal::run(&kubeconfig).await,
            Mode::AppsetIdeal { kubeconfig, objects } => appset::ideal::run(&kubeconfig, &objects).await,
            Mode::Null { kubeconfig } => null::run(&kubeconfig).await,
        }
    })
}
