//! `cargo xtask check`.

use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::timing::Timings;
use crate::{law, paths};

/// The checks alone, with their durations.
pub(super) fn run_alone() -> Result<()> {
    let mut timings = Timings::default();
    let outcome = run(&mut timings);
    timings.print();
    outcome
}

/// Everything that can be said without running the code: fast things first, and all of them, so that one run shows all.
pub(super) fn run(timings: &mut Timings) -> Result<()> {
    let parts = [
        timings.part("check: laws of the workspace", laws),
        timings.part("check: generated files", || super::generate::run(true)),
        timings.part("check: formatting", || cargo(&["fmt", "--all", "--check"])),
        timings.part("check: clippy", || {
            cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])
        }),
    ];
    let broken: Vec<String> = parts.into_iter().filter_map(|part| Some(format!("{:#}", part.err()?))).collect();
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

fn laws() -> Result<()> {
    let broken = law::violations()?;
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    Ok(())
}

/// Runs cargo in the workspace, its output on the terminal.
pub(super) fn cargo(args: &[&str]) -> Result<()> {
    let status = Command::new(env!("CARGO")).args(args).current_dir(paths::workspace()).status();
    let status = status.with_context(|| format!("running cargo {}", args.join(" ")))?;
    ensure!(status.success(), "cargo {} failed", args.join(" "));
    Ok(())
}
