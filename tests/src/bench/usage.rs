//! What a process has used of the machine, as the kernel counts it.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// User and system time of all its threads. The sum that `/proc/PID/stat` shows in ticks of 10 ms, in nanoseconds.
    pub(super) cpu: Duration,
    /// How often its threads went to sleep, waiting for something.
    pub(super) sleeps: u64,
    /// The most memory that it had resident, in bytes.
    pub(super) peak_rss: u64,
}

impl Usage {
    /// Looks at a running process.
    pub(super) fn of(pid: i32) -> Result<Self> {
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid)).context("finding a process's CPU clock")?;
        let cpu = Duration::from(clock_gettime(clock).context("reading a process's CPU clock")?);
        let mut sleeps = 0;
        for thread in fs::read_dir(format!("/proc/{pid}/task")).context("listing the threads of a process")? {
            let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
            sleeps += field(&status, "voluntary_ctxt_switches").unwrap_or_default();
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("reading the status of a process")?;
        let kib = field(&status, "VmHWM").context("a process without a peak of memory")?;
        Ok(Self { cpu, sleeps, peak_rss: kib * 1024 })
    }
}

/// The number in a line such as `VmHWM:     1234 kB`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_in_the_clock_of_the_process() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let before = Usage::of(pid).unwrap();
        let deadline = before.cpu + Duration::from_millis(20);
        let mut now = before;
        while now.cpu < deadline {
            now = Usage::of(pid).unwrap();
        }
        assert!(now.peak_rss >= before.peak_rss && before.peak_rss > 100_000, "{}", before.peak_rss);
    }

    #[test]
    fn a_field_is_the_one_of_that_name() {
        let status = "Name:\ta\nVmHWM:\t    5120 kB\nnonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t42\n";
        assert_eq!(field(status, "VmHWM"), Some(5120));
        assert_eq!(field(status, "voluntary_ctxt_switches"), Some(42));
        assert_eq!(field(status, "VmPeak"), None);
    }
}
