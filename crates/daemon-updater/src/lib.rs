//! daemon-updater: DaemonSets upgrade past nodes that are offline.
//!
//! Reading order: [`Config`], then `reconcile`, whose steps are the modules: `admit` (is this DaemonSet ours?), `begin` (the
//! run of its newest revision), `observe` (one snapshot, planned), `commit` (fenced deletes), `publish` (status, events). What runs
//! beside it reports by `letters`. What a strategy adds: `rules` (by which strategy does the run go?), `pools` and `dependencies`
//! (what it asks of the world), `approvals` (asking humans), `rollback` (back to the last completed revision).
//!
//! Invariant: a DaemonSet is changed in `rollback` and nowhere else.
//! Invariant: pods are deleted in `commit` and nowhere else, each with a permit of the lease and the UID that was decided on.

mod admit;
mod approvals;
mod begin;
mod claims;
mod commit;
mod config;
mod context;
mod dependencies;
mod lead;
mod letters;
mod observe;
mod pools;
mod publish;
mod reconcile;
mod rollback;
mod rollout_service;
mod rules;
mod run;
#[cfg(feature = "seeded-bugs")]
mod seeded;

pub use config::Config;
pub use rollout_service::Settings as RolloutServiceSettings;
pub use run::{RunError, run};
