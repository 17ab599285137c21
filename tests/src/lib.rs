//! Truth for the suites on a real cluster, and what they stand on.
//!
//! - [`bench`]: what an upgrade costs.
//! - [`checker`]: judges a run by the API server's audit log and a watcher of its own.
//! - [`demo`]: daemon-updater at work, to look at.
//! - [`fixture`]: clusters, nodes, workloads and updaters that end with their test.

pub mod bench;
pub mod checker;
pub mod demo;
pub mod fixture;
