//! `cargo xtask demo` and `cargo xtask dev`: they are in the `tests` crate, which depends on this one, as a program.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::check::cargo;

/// Builds the services, the command line and the demo, and becomes the demo: the terminal, its signals and the exit code are its own.
pub(super) fn run(command: &str, args: &[OsString]) -> Result<Infallible> {
    let packages = ["--package=appset-controller", "--package=daemon-updater", "--package=drover", "--package=tests"];
    let programs = ["--bin=appset-controller", "--bin=daemon-updater", "--bin=drover", "--bin=demo"];
    cargo(&[&["build", "--quiet"], &packages[..], &programs[..]].concat())?;
    let demo = std::env::current_exe().context("finding this program")?.with_file_name("demo");
    let error = Command::new(&demo).arg(command).args(args).exec();
    Err(error).with_context(|| format!("starting {}", demo.display()))
}
