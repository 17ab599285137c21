//! The step between the supervisor's fork and a child's program.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

/// Has the kernel kill this process when its parent `parent` ends, then becomes `command` (program and arguments). Returns
/// only on failure.
pub fn tie_and_exec(parent: i32, command: &[OsString]) -> Result<Infallible> {
    set_pdeathsig(Signal::SIGKILL).context("asking for a signal at the parent's death")?;
    // The parent may have died before the line above; then the signal will never come.
    ensure!(getppid().as_raw() == parent, "the supervisor is gone");
    let (program, args) = command.split_first().context("no program to run")?;
    let error = Command::new(program).args(args).exec();
    Err(error).with_context(|| format!("running {}", program.display()))
}
