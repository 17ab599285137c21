//! Who may write: one replica of a service at a time, by a Lease.
//!
//! Kubernetes has no fencing token: the API server accepts a write from whoever has the right, leader or not. So a
//! leader stops by its own monotonic clock, before anybody else may start:
//!
//! ```text
//! old leader   renewal sent ──────── permits end ─┐ margin ┌ lease expires
//! old writes                                      └ the last of them ends within the write time-out ─────┐
//! new leader                                               └ takes it ── waits the write time-out out ───┘ acts
//! ```
//! - [`Leadership::permit`] is asked before each write and fails from `duration − margin` after the last renewal that
//!   succeeded was *sent*. `CLOCK_MONOTONIC` goes on while a process is stopped, so one that wakes from SIGSTOP has
//!   no permit before it has done anything.
//! - Others take the Lease only when they have not seen it change for its whole duration, by their own clock, and with
//!   the version they saw as a precondition: a renewal they missed makes them fail, not overlap.
//! - Who takes an expired Lease waits `handover` (the write time-out) before it has permits. One that was released is
//!   free at once: it is released only when no permit is out. One that did not exist waits one renewal interval, in
//!   which a leader whose Lease was deleted notices.
//!
//! kube-lease-manager does most of this and is not used, because three of its choices are fixed: a lease
//! expires by comparing wall clocks of two machines; it does not tell when a renewal was sent, which the deadline must
//! count from; and a follower sleeps until expiry, so that a released Lease stays unused for seconds.
//!
//! Needs on `leases` (coordination.k8s.io): create, and list, watch, patch on the one name.

mod claim;
mod elect;
mod gate;
mod identity;
mod leadership;
mod metrics;
mod neighbour;
mod record;
mod section;
mod settings;
mod store;
mod view;
mod yurt_manager;

pub use elect::LeaseElection;
pub use gate::{Acting, Gate};
pub use identity::identity;
pub use leadership::{LeaderState, Leadership, NotLeading, Permit};
pub use metrics::LeaseMetrics;
pub use neighbour::{Neighbour, NeighbourWatch};
pub use section::Lease;
pub use settings::{LeaseSettings, LeaseSettingsError};
pub use yurt_manager::YurtManager;
