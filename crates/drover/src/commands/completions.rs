//! `drover completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Drover, Failure};

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub(super) fn print(shell: Shell) -> Result<(), Failure> {
    clap_complete::generate(shell, &mut Drover::command(), "drover", &mut std::io::stdout());
    Ok(())
}
