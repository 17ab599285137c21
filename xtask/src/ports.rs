//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

/// Below Linux' ephemeral ports (32768 and up), so that no outgoing connection takes the port between the probe and the bind.
const FIRST: u16 = 11_000;
const COUNT: u16 = 21_000;

/// A loopback TCP port that nobody listens on now. Somebody else may still take it first: who binds it must be ready to
/// try another.
pub fn free() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes start at different places, so that they seldom probe the same port at the same time.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = since_epoch.subsec_micros() + std::process::id().wrapping_mul(7_919);
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = start.wrapping_add(step) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    None.context("no free loopback port between 11000 and 31999")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_ports_in_use() {
        let held: Vec<TcpListener> =
            (0..20).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, free().unwrap())).unwrap()).collect();
        let next = free().unwrap();
        assert!(held.iter().all(|listener| listener.local_addr().unwrap().port() != next));
    }
}
