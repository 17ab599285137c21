//! `-o`: for programs.

use std::io::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use super::Failure;

/// How an answer is written.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Prints a line. Whoever closed stdout does not want it.
pub(super) fn say(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Prints it whole.
pub(crate) fn print(what: &impl Serialize, output: Output) -> Result<(), Failure> {
    let text = match output {
        Output::Json => serde_json::to_string_pretty(what)?,
        Output::Yaml => serde_saphyr::to_string(what)?,
    };
    // Whoever closed stdout does not want it.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    Ok(())
}
