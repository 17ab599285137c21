//! What builds, runs and checks Drover: a library, used by the `tests` crate, the demo and the benchmark, and the commands
//! of `cargo xtask` over it.
//!
//! - [`tools`]: the Go programs of the local control plane, built once into the user's cache
//! - [`supervisor`]: child processes and files that cannot outlive their owner
//! - [`cluster`]: a real Kubernetes control plane on loopback ports
//! - [`nodes`]: the fleet of kwok nodes, and what happens to it
//! - [`daemonsets`]: the workloads under test
//! - [`releases`]: releases that take their node away
//! - [`process`]: a service under test
//! - [`named`]: clusters that live on after the command that started them
//! - [`law`]: the rules of the workspace
#![expect(clippy::print_stderr, reason = "a developer's tool: progress goes to the terminal")]

pub mod cluster;
pub mod commands;
pub mod daemonsets;
pub mod http;
pub mod law;
pub mod named;
pub mod nodes;
pub mod paths;
pub mod ports;
pub mod process;
pub mod releases;
pub mod stable;
pub mod supervisor;
pub mod tools;
