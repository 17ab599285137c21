//! `drover version`.

use super::Failure;
use super::output::say;

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub(super) fn print() -> Result<(), Failure> {
    say(format_args!("drover {}", env!("CARGO_PKG_VERSION")));
    Ok(())
}
