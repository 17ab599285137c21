//! The command line: one variant of [`Command`] and one line of [`run`] for each.

mod bench;
mod check;
mod cluster;
mod demo;
mod generate;
mod test;
mod timing;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::supervisor;

/// Builds, runs and checks Drover.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a real Kubernetes control plane with simulated nodes on this machine.
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Measures what the services cost, on a real control plane.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Checks the laws of the workspace, formatting, clippy and that generated files are current.
    Check,
    /// Shows a DaemonSet being upgraded past offline nodes, in four acts (about 3 min); with --appset, one application in 20 pools.
    #[command(disable_help_flag = true)]
    Demo {
        /// See `cargo xtask demo --help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Starts a cluster with daemon-updater and a DaemonSet, and leaves them running for hands-on use.
    #[command(disable_help_flag = true)]
    Dev {
        /// See `cargo xtask dev --help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Checks, builds and tests everything, the suites on real clusters included.
    Test {
        /// Only tests with this in their path, and no checks.
        filter: Option<String>,
    },
    /// Runs the long campaigns: tests with `soak` in their path.
    Soak {
        /// Only those with this in their path too.
        name: Option<String>,
        /// How many seeds those that play random worlds shall play.
        #[arg(long)]
        seeds: Option<u64>,
    },
    /// Writes the files that are generated from Rust: CRDs and RBAC.
    Gen {
        /// Only say whether they are current.
        #[arg(long)]
        check: bool,
    },
    #[command(name = supervisor::SERVE_COMMAND, hide = true)]
    Supervise,
    #[command(name = supervisor::TIE_COMMAND, hide = true)]
    Tie {
        #[arg(long)]
        parent: i32,
        #[arg(last = true)]
        program: Vec<OsString>,
    },
}

/// Does what the command line says; an error goes to stderr with its causes.
pub fn run() -> ExitCode {
    match obey(Xtask::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(command: Command) -> Result<()> {
    match command {
        Command::Cluster(command) => block_on(cluster::run(command)),
        Command::Bench(command) => match bench::run(&command)? {},
        Command::Check => check::run_alone(),
        Command::Demo { args } => match demo::run("demo", &args)? {},
        Command::Dev { args } => match demo::run("dev", &args)? {},
        Command::Test { filter } => test::test(filter.as_deref()),
        Command::Soak { name, seeds } => test::soak(name.as_deref(), seeds),
        Command::Gen { check } => generate::run(check),
        Command::Supervise => supervisor::serve(),
        Command::Tie { parent, program } => match supervisor::tie_and_exec(parent, &program)? {},
    }
}

/// Runs a command that waits for a cluster.
fn block_on<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Runtime::new().context("starting the async runtime")?.block_on(command)
}

/// Writes what the user asked for to stdout; whoever closed it does not want it.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
