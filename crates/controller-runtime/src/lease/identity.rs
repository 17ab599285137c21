//! The name of a replica.

use std::time::SystemTime;

/// `{host}_{pid}_{start}`: says where to look, and differs for each start, so that a restarted process never takes its
/// predecessor's Lease for its own. In a pod the host name is the pod's name.
pub fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown-host".to_owned());
    let start = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros());
    format!("{host}_{}_{start:x}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_process() {
        assert!(identity().contains(&format!("_{}_", std::process::id())));
    }
}
