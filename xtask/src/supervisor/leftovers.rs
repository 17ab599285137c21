//! Temporary files of supervisors that were killed themselves, so that nobody deleted them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::SERVE_COMMAND;

const PREFIX: &str = "drover-";

/// A file system in memory.
pub(crate) const MEMORY: &str = "/dev/shm";

/// A new name for a temporary file or directory that the supervisor of this pid owns.
pub(crate) fn name(supervisor: u32) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{PREFIX}{supervisor}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// What is younger is left: its supervisor may just be starting, and a process that is being executed has no command line
/// to be known by (seen with five clusters starting at once).
const FRESH: Duration = Duration::from_mins(1);

/// Deletes what is named like that where temporary files are, and whose supervisor is gone.
pub(crate) fn sweep() {
    sweep_in(&std::env::temp_dir(), FRESH);
    sweep_in(Path::new(MEMORY), FRESH);
}

fn sweep_in(dir: &Path, fresh: Duration) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok());
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        let old = changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= fresh));
        if old && owner.is_some_and(|owner| !supervises(owner)) {
            // Somebody else's files stay; that is not our concern.
            super::server::delete(&entry.path());
        }
    }
}

/// Whether the process with this pid is a supervisor. The pid may have been used again.
fn supervises(pid: u32) -> bool {
    let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.split('\0').any(|argument| argument == SERVE_COMMAND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_supervisor_owns_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        // This process is not a supervisor, and pid 4294967295 cannot be.
        let mine = name(std::process::id());
        fs::create_dir_all(dir.path().join(&mine).join("log")).unwrap();
        for file in [name(u32::MAX).as_str(), "drover-logs-1", "drover", "other-1-1"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        sweep_in(dir.path(), FRESH);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5, "what is fresh may still get its supervisor");
        sweep_in(dir.path(), Duration::ZERO);
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["drover", "drover-logs-1", "other-1-1"]);
    }
}
