//! `cargo xtask bench`: it is in the `tests` crate, which depends on this one, as a program.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use super::check::cargo;

/// What is measured.
#[derive(Subcommand)]
pub(super) enum BenchCommand {
    /// daemon-updater against an ideal client and a null controller, on a real control plane (about 15 min).
    DaemonUpdater(DaemonUpdater),
    /// leader-endpoints-controller: failover, memory, and what watching leaders costs an edge (about 10 min).
    Leaders(Leaders),
    /// appset-controller against an ideal client that only writes, on a real control plane (about 10 min).
    Appset(Appset),
    /// The planner's rules, by simulation: nodes lost to bad releases, good ones that were halted (about half an hour).
    Waves(Waves),
}

#[derive(Args)]
pub(super) struct DaemonUpdater {
    /// The fleet sizes; each has a cluster of its own.
    #[arg(long, default_value = "100,500,1000", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=5_000))]
    nodes: Vec<u32>,
    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rollouts of each contender; without it at least 2 and so many that each upgrades 1,000 pods.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rollouts: Option<u32>,
}

#[derive(Args)]
pub(super) struct Leaders {
    /// How many pools of 5 nodes there are.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pools: u32,
    /// How many leaders are lost, each in another pool; without it those of a fifth of the pools, at most 200.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    failovers: Option<u32>,
    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Appset {
    /// The numbers of pools, of one node each; each has a cluster of its own.
    #[arg(long, default_value = "20,100,1000", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pools: Vec<u32>,
    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rollouts of each; without it at least 2 and so many that each writes 200 workloads.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rollouts: Option<u32>,
}

#[derive(Args)]
pub(super) struct Waves {
    /// How many nodes each fleet has, in 100 pools.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(100..=10_000))]
    nodes: u32,
    /// How many seeds each case is tried with.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seeds: u32,
    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Builds the program under test, if there is one, and the benchmark, both optimised, and becomes the benchmark.
pub(super) fn run(command: &BenchCommand) -> Result<Infallible> {
    match command {
        BenchCommand::DaemonUpdater(DaemonUpdater { nodes, json, rollouts }) => {
            let nodes: Vec<String> = nodes.iter().map(u32::to_string).collect();
            let mut args = Vec::from(flag("--nodes", nodes.join(",")));
            args.extend(json.iter().flat_map(|json| flag("--json", json)));
            args.extend(rollouts.iter().flat_map(|rollouts| flag("--rollouts", rollouts.to_string())));
            measure("daemon-updater", ["daemon-updater", "--updater"], args)
        }
        BenchCommand::Leaders(Leaders { pools, failovers, json }) => {
            let failovers = failovers.unwrap_or_else(|| pools.div_ceil(5).min(200));
            let mut args = Vec::from(flag("--pools", pools.to_string()));
            args.extend(flag("--failovers", failovers.to_string()));
            args.extend(json.iter().flat_map(|json| flag("--json", json)));
            measure("leader-endpoints-controller", ["leaders", "--controller"], args)
        }
        BenchCommand::Appset(Appset { pools, json, rollouts }) => {
            let pools: Vec<String> = pools.iter().map(u32::to_string).collect();
            let mut args = Vec::from(flag("--pools", pools.join(",")));
            args.extend(json.iter().flat_map(|json| flag("--json", json)));
            args.extend(rollouts.iter().flat_map(|rollouts| flag("--rollouts", rollouts.to_string())));
            measure("appset-controller", ["appset", "--controller"], args)
        }
        BenchCommand::Waves(Waves { nodes, seeds, json }) => {
            let mut args = Vec::from(flag("--nodes", nodes.to_string()));
            args.extend(flag("--seeds", seeds.to_string()));
            args.extend(json.iter().flat_map(|json| flag("--json", json)));
            let release = build(&[])?;
            become_bench(&release, "waves", args)
        }
    }
}

fn flag(name: &str, value: impl Into<OsString>) -> [OsString; 2] {
    [name.into(), value.into()]
}

/// Becomes the benchmark of `service`: of that name, and with that flag for the service's program.
fn measure(service: &str, [name, program]: [&str; 2], args: Vec<OsString>) -> Result<Infallible> {
    let release = build(&[service])?;
    let service = [program.into(), release.join(service).into_os_string()];
    become_bench(&release, name, service.into_iter().chain(args).collect())
}

/// Builds these services and the benchmark; returns where the programs are.
fn build(services: &[&str]) -> Result<PathBuf> {
    let packages = services.iter().chain(&["tests"]).map(|package| format!("--package={package}"));
    let programs = services.iter().chain(&["bench"]).map(|program| format!("--bin={program}"));
    let args: Vec<String> = packages.chain(programs).collect();
    cargo(&["build", "--release"].into_iter().chain(args.iter().map(String::as_str)).collect::<Vec<_>>())?;
    let this = std::env::current_exe().context("finding this program")?;
    // Built programs are in target/debug and target/release.
    let target = this.parent().and_then(|debug| debug.parent()).context("this program is not in a target directory")?;
    Ok(target.join("release"))
}

fn become_bench(release: &Path, name: &str, args: Vec<OsString>) -> Result<Infallible> {
    let program = release.join("bench");
    let mut bench = Command::new(&program);
    bench.arg(name).args(args);
    // The supervisor of its processes is this program, not an optimised one that would have to be built.
    bench.env("DROVER_XTASK", std::env::current_exe().context("finding this program")?);
    let error = bench.exec();
    Err(error).with_context(|| format!("starting {}", program.display()))
}
