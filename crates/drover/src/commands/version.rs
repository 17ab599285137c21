//! `drover version`.

use super::Failure;

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub(super) fn print() -> Result<(), Failure> {
    anstream::println!("drover {}", env!("CARGO_PKG_VERSION"));
    Ok(())
}
