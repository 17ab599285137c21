//! Runs whose units are pools: what differs from nodes, and every rule that bounds them both.
#![expect(clippy::unwrap_used, reason = "test code outside #[test] functions")]

mod ends;
mod flight;
mod limits;
mod refusals;
mod returners;
mod watch;
mod world;
