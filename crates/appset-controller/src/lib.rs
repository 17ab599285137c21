//! appset-controller: one application, every pool.
//!
//! Reading order: [`Config`], then `reconcile`, whose steps are the modules: `observe` (one snapshot, of the mirrors or read with
//! quorum), [`plan`] (a step, a hold or nothing for each pool), `trials` (what the API server would refuse), `commit` (the revision,
//! then fenced writes of workloads), `publish` (status, events). `pace` and `memory` are what is remembered between two looks.
//!
//! What decides is pure: [`plan`], and what it stands on: [`pools`] (which pools a YurtAppSet is about), [`render`] (its workload in
//! one of them), [`canonical`] (what is the same), [`revisions`] (the history of what was asked for), [`pins`] (pools that keep an
//! older revision), [`children`] (the workloads that are there and whose they are), [`adopt`] (those that OpenYurt made), [`drift`]
//! (what others changed). [`status`] says how it stands.
//!
//! Invariant: what decides is total and deterministic; no object, however odd, makes it panic.
//! Invariant: the pod template of a pool depends on the template, the tweaks that are about this pool, and its name, on nothing else.
//! Invariant: nothing is written but in `commit` and `publish`, each time with a permit of the lease.

pub mod adopt;
pub mod budgets;
pub mod canonical;
pub mod children;
mod commit;
mod config;
mod context;
pub mod drift;
mod lead;
mod memory;
mod metrics;
mod mirrors;
mod observe;
mod pace;
pub mod pins;
pub mod plan;
pub mod pools;
mod publish;
mod reach;
mod reconcile;
pub mod render;
pub mod returning;
pub mod revisions;
mod rollout;
mod run;
pub mod status;
pub mod trials;
pub mod units;

pub use config::Config;
pub use run::run;

/// What Drover owns under server-side apply, and the name of its Lease.
const FIELD_MANAGER: &str = api::names::app_set::FIELD_MANAGER;
