//! The command line: one variant of [`Command`] and one line of `obey` for each.

mod abort;
mod approve;
mod completions;
mod explain;
mod history;
pub(crate) mod output;
mod pause;
mod plan;
mod promote;
mod resume;
mod rollback;
mod status;
mod version;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::text::Tone;

/// What went wrong, in a sentence that says what to do next.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The name under which kubectl finds it as a plugin.
const PLUGIN: &str = "kubectl-drover";

const EXAMPLES: &str = "\
Examples:
  drover status                 all rollouts of the namespace
  drover status agent -w        follows one until it is completed
  drover plan -f agent.yaml     what a change would do
  drover explain node-17        why a node is not moved
  drover pause agent            and: resume, promote, approve, abort, rollback";

/// How a user calls the plugin.
const CALLED: &str = "kubectl drover";

/// Watches and steers rollouts on a fleet of edge nodes.
///
/// A target is a DaemonSet (ds/agent, or just agent), a YurtAppSet (yas/web, or just web) or one of its runs, a FleetRollout
/// (by its name). Everything that changes something goes through the Kubernetes API under your own name, so its access rules and its audit log apply.
#[derive(Parser, Debug)]
#[command(name = "drover", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Drover {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Shows how far rollouts are: waves and pools, when they will be done, and what holds them.
    Status(status::Options),
    /// Shows what a change would do, before it is applied.
    Plan(plan::Options),
    /// Says why a pool or a node is not moved, what ends that, and what you can do.
    Explain(explain::Options),
    /// Lists the runs of a target.
    History(history::Options),
    /// Starts nothing any more until it is resumed. What is under way is watched to its end.
    Pause(pause::Options),
    /// Goes on with a run that is paused, aborted or halted.
    Resume(resume::Options),
    /// Skips the rest of the soak of a wave, and of all before it.
    Promote(promote::Options),
    /// Ends a run: nothing is started any more. Units that were moved stay as they are.
    Abort(abort::Options),
    /// Approves a wave that waits for it, or rejects it.
    Approve(approve::Options),
    /// Brings a target's template back to an earlier revision.
    Rollback(rollback::Options),
    /// Tries a strategy on a release that is good or bad, without a cluster: nodes lost, most down at once, duration.
    Simulate(crate::simulate::Options),
    /// Prints the version.
    Version,
    /// Prints a script that completes commands in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Does what the command line says; an error goes to stderr with what to do next.
pub fn run() -> ExitCode {
    let line = Drover::try_parse_from(named(std::env::args_os())).unwrap_or_else(|error| error.exit());
    match obey(line.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let red = Tone::Bad.style();
            anstream::eprintln!("{red}error:{red:#} {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The command line in kubectl's words, when the program is called as its plugin.
fn named(line: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let is_plugin = |name: &OsString| Path::new(name).file_stem().is_some_and(|name| name == PLUGIN);
    line.into_iter().enumerate().map(move |(at, arg)| if at == 0 && is_plugin(&arg) { CALLED.into() } else { arg })
}

fn obey(command: Command) -> Result<(), Failure> {
    match command {
        Command::Status(options) => block_on(status::run(options)),
        Command::Plan(options) => block_on(plan::run(options)),
        Command::Explain(options) => block_on(explain::run(options)),
        Command::History(options) => block_on(history::run(options)),
        Command::Pause(options) => block_on(pause::run(options)),
        Command::Resume(options) => block_on(resume::run(options)),
        Command::Promote(options) => block_on(promote::run(options)),
        Command::Abort(options) => block_on(abort::run(options)),
        Command::Approve(options) => block_on(approve::run(options)),
        Command::Rollback(options) => block_on(rollback::run(options)),
        Command::Simulate(options) => block_on(crate::simulate::run(options)),
        Command::Version => version::print(),
        Command::Completions { shell } => completions::print(shell),
    }
}

/// Runs a command that talks to a cluster.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

#[cfg(test)]
mod tests;
