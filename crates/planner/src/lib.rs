//! Drover's decisions, and nothing else.
//!
//! Every function here is total, deterministic and synchronous: a snapshot and a time go in, a decision with its reasons
//! comes out. There is no clock, no I/O, no random number and no logging, so the services, the tests, the simulator and
//! the audit-log checker all run the very same rules.
//!
//! - [`fleet`] – what is known of nodes and pods, in small records.
//! - [`placement`] – which nodes a DaemonSet's template may run on.
//! - [`strategy`] – budgets, policies and timings, parsed.
//! - [`rollout`] – one run of one revision: [`rollout::plan`].
//! - [`election`] – who leads a pool's hubs: [`election::elect`].

pub mod election;
pub mod fleet;
pub mod placement;
pub mod rollout;
pub mod strategy;
