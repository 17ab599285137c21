//! Truth for the suites on a real cluster, and what they stand on.
//!
//! - [`checker`]: judges a run by the API server's audit log and a watcher of its own.
//! - [`fixture`]: clusters, nodes, workloads and updaters that end with their test.

pub mod checker;
