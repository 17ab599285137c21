//! `drover completions`.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Drover, Failure};

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub(super) fn print(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Drover::command(), "drover", &mut script);
    // Whoever closed stdout does not want it.
    let _ = std::io::stdout().write_all(&script);
    Ok(())
}
