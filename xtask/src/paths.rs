//! Where things are kept on this machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The root of the checkout.
pub fn workspace() -> &'static Path {
    // CARGO_MANIFEST_DIR is <root>/xtask.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The user's cache of Drover, created: `$DROVER_CACHE`, else `$XDG_CACHE_HOME/drover`, else `~/.cache/drover`.
/// Built tools and the records of named clusters are below it, shared by every checkout.
pub fn cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let dir = if let Some(dir) = set("DROVER_CACHE") {
        dir
    } else if let Some(dir) = set("XDG_CACHE_HOME") {
        dir.join("drover")
    } else if let Some(home) = set("HOME") {
        home.join(".cache/drover")
    } else {
        bail!("none of DROVER_CACHE, XDG_CACHE_HOME and HOME is set, so there is no place for built tools")
    };
    create(&dir)?;
    dir.canonicalize().with_context(|| format!("resolving {}", dir.display()))
}

/// Holds the directory `dir` for this process until the answer is dropped; says `waiting` when another process has it.
pub fn lock(dir: &Path, waiting: &str) -> Result<File> {
    create(dir)?;
    let lock = File::open(dir).with_context(|| format!("opening {}", dir.display()))?;
    if lock.try_lock().is_err() {
        eprintln!("{waiting}");
        lock.lock().with_context(|| format!("locking {}", dir.display()))?;
    }
    Ok(lock)
}

/// `fs::create_dir_all` with the path in the error.
pub(crate) fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))
}

/// `fs::write` with the path in the error.
pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, contents).with_context(|| format!("writing {}", path.display()))
}
