//! `cargo xtask gen`: files that are made from Rust types and tables, and committed.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::paths;

/// Writes the generated files; with `check` only compares, and fails when one is not current.
pub(super) fn run(check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (path, contents) in api::generated::files().context("generating files")? {
        let file = paths::workspace().join(path);
        if fs::read_to_string(&file).is_ok_and(|found| found == contents) {
            continue;
        }
        stale.push(path);
        if !check {
            if let Some(dir) = file.parent() {
                paths::create(dir)?;
            }
            paths::write(&file, contents)?;
            eprintln!("wrote {path}");
        }
    }
    ensure!(!check || stale.is_empty(), "not current: {}; cargo xtask gen writes them", stale.join(", "));
    Ok(())
}
