//! The program behind `cargo xtask demo` and `cargo xtask dev`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tests::demo;
use tokio::signal::unix::{SignalKind, signal};

/// Drover at work on a local cluster.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows a DaemonSet being upgraded wave by wave, past offline nodes, in four acts. Exit code 0 when every expected fact held.
    Demo {
        /// No pictures that move and no colours, as without a terminal.
        #[arg(long)]
        plain: bool,
        /// Keeps pictures of some moments in this folder, as SVG.
        #[arg(long, value_name = "FOLDER")]
        pictures: Option<PathBuf>,
        /// Instead of the DaemonSet: one application in 20 pools, in three waves, in three acts.
        #[arg(long)]
        appset: bool,
    },
    /// Starts a cluster with daemon-updater and a DaemonSet, and leaves them running until Ctrl-C.
    Dev {
        /// How many nodes.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        nodes: u32,
        /// In how many pools.
        #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
        pools: u32,
    },
}

/// The exit code of a program that was interrupted, as shells have it: 128 and the signal.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    Box::pin(obey(Arguments::parse().command)).await.unwrap_or_else(|error| {
        // With stderr closed there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn obey(command: Command) -> Result<ExitCode> {
    let ended = ended()?;
    match command {
        Command::Demo { plain, pictures, appset: true } => tokio::select! {
            held = demo::appset::show(plain, pictures) => Ok(if held? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            () = ended => Ok(ExitCode::from(INTERRUPTED)),
        },
        Command::Demo { plain, pictures, appset: false } => tokio::select! {
            held = demo::show(plain, pictures) => Ok(if held? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            // What was started ends with its guards.
            () = ended => Ok(ExitCode::from(INTERRUPTED)),
        },
        Command::Dev { nodes, pools } => {
            Box::pin(demo::dev::leave_running(nodes, pools, ended)).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Ends when the user or the system wants this program to.
fn ended() -> Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
