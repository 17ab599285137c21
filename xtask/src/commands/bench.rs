//! `cargo xtask bench`: it is in the `tests` crate, which depends on this one, as a program.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use super::check::cargo;

/// What is measured.
#[derive(Subcommand)]
pub(super) enum BenchCommand {
    /// daemon-updater against an ideal client and a null controller, on a real control plane (about 15 min).
    DaemonUpdater(DaemonUpdater),
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

/// Builds the program under test and the benchmark, both optimised, and becomes the benchmark.
pub(super) fn run(command: &BenchCommand) -> Result<Infallible> {
    let BenchCommand::DaemonUpdater(DaemonUpdater { nodes, json, rollouts }) = command;
    cargo(&[
        "build",
        "--release",
        "--package=daemon-updater",
        "--package=tests",
        "--bin=daemon-updater",
        "--bin=bench",
    ])?;
    let this = std::env::current_exe().context("finding this program")?;
    // Built programs are in target/debug and target/release.
    let target = this.parent().and_then(|debug| debug.parent()).context("this program is not in a target directory")?;
    let built = |name: &str| target.join("release").join(name);
    let nodes: Vec<String> = nodes.iter().map(u32::to_string).collect();
    let mut bench = Command::new(built("bench"));
    bench.arg("daemon-updater").arg("--updater").arg(built("daemon-updater")).arg("--nodes").arg(nodes.join(","));
    for (flag, value) in [
        ("--json", json.as_ref().map(|json| json.clone().into_os_string())),
        ("--rollouts", rollouts.map(|rollouts| rollouts.to_string().into())),
    ] {
        if let Some(value) = value {
            bench.args([OsStr::new(flag), &value]);
        }
    }
    // The supervisor of its processes is this program, not an optimised one that would have to be built.
    bench.env("DROVER_XTASK", &this);
    let error = bench.exec();
    Err(error).with_context(|| format!("starting {}", built("bench").display()))
}
