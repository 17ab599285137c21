//! Building the tools of one Go module.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};

use super::WAY_OUT;
use crate::{paths, stable};

/// A folder with a `go.mod` that has tool lines and no Go source.
pub(super) struct Module {
    pub(super) name: &'static str,
    /// Below the workspace.
    pub(super) dir: &'static str,
    pub(super) ldflags: &'static str,
}

/// The directory with the module's tools, built unless they are there.
///
/// Built beside it and renamed, so that a directory with its final name is complete whatever was killed when.
pub(super) fn ready(module: &Module) -> Result<PathBuf> {
    let tools = super::cache()?;
    let source = super::source(module);
    let built = tools.join(format!("{}-{:016x}", module.name, key(module, &source)?));
    if built.is_dir() {
        return Ok(built);
    }
    let _lock = paths::lock(&tools, "another process is building tools, waiting for it")?;
    if !built.is_dir() {
        let parts = tools.join(format!("{}.parts", module.name));
        if parts.exists() {
            fs::remove_dir_all(&parts).with_context(|| format!("clearing {}", parts.display()))?;
        }
        build(module, &source, &parts)?;
        fs::rename(&parts, &built).with_context(|| format!("moving the tools to {}", built.display()))?;
    }
    Ok(built)
}

/// What the built programs depend on: versions, checksums, compiler and flags.
fn key(module: &Module, source: &Path) -> Result<u64> {
    let mut text = Vec::new();
    for file in ["go.mod", "go.sum"] {
        let path = source.join(file);
        text.extend(fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
    }
    text.extend(go_version(source)?.into_bytes());
    text.extend(module.ldflags.as_bytes());
    Ok(stable::hash(&text))
}

fn go_version(source: &Path) -> Result<String> {
    let output = Command::new("go").args(["env", "GOVERSION", "GOARCH"]).current_dir(source).output();
    let output = output.map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!("Go is not installed: there is no `go` in PATH. {WAY_OUT}"),
        _ => anyhow!("running go: {error}. {WAY_OUT}"),
    })?;
    ensure!(output.status.success(), "{}{WAY_OUT}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn build(module: &Module, source: &Path, into: &Path) -> Result<()> {
    eprintln!("building {} with Go, once per version (minutes when Go's own cache is cold) ...", module.name);
    let start = Instant::now();
    paths::create(into)?;
    let status = Command::new("go")
        .args(["build", "-mod=readonly", "-ldflags", module.ldflags, "-o"])
        .arg(into)
        .arg("tool")
        .current_dir(source)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("running go. {WAY_OUT}"))?;
    ensure!(status.success(), "go build of {} failed ({status}), see above. {WAY_OUT}", source.display());
    eprintln!("built {} in {} s", module.name, start.elapsed().as_secs());
    Ok(())
}
