//! daemon-updater: DaemonSets upgrade past nodes that are offline.
//!
//! Reading order: [`Config`], then `reconcile`, whose steps are the modules: `admit` (is this DaemonSet ours?), `begin` (the
//! run of its newest revision), `observe` (one snapshot, planned), `commit` (fenced deletes). What a run is whatever its target is
//! (its object, its rules, status and events, approvals, dependencies) is `controller_runtime::rollouts`. What a strategy asks of
//! the world beyond that: `pools`; what it makes of a DaemonSet: `rollback` (back to the last completed revision).
//!
//! Invariant: a DaemonSet is changed in `rollback` and nowhere else.
//! Invariant: pods are deleted in `commit` and nowhere else, each with a permit of the lease and the UID that was decided on.

mod admit;
mod begin;
mod claims;
mod commit;
mod config;
mod context;
mod lead;
mod observe;
mod pools;
mod reconcile;
mod rollback;
mod run;
#[cfg(feature = "seeded-bugs")]
mod seeded;

pub use config::Config;
pub use run::run;
