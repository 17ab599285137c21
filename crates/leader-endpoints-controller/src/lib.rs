//! leader-endpoints-controller: elects the leaders of each node pool and publishes them where edges read them.
//!
//! Reading order: [`Config`], then `reconcile`, whose steps are the modules: `admit` (is there a pool?), `observe` (one
//! snapshot of it), `plan` (who leads, and which `outputs` do not say so), `commit` (fenced writes: outputs first, then status,
//! then nodes), `publish` (conditions, events). Beside pools there is one more key, the role that they share (`multiplexer`).
//! `mode` says who elects: Drover, or a yurt-manager that lives. `topology` serves what the mirrors know.
//!
//! Invariant: what a pool gives to nodes is decided in `attributes`, who leads in `planner::election`, and both are pure.
//! Invariant: nothing is written but in `commit` and `multiplexer`, each time with a permit of the lease.

mod admit;
mod attributes;
mod commit;
mod config;
mod context;
mod lead;
mod ledger;
mod members;
mod memory;
mod metrics;
mod mode;
mod multiplexer;
mod nodes;
mod observe;
mod outputs;
mod pace;
mod plan;
mod pools;
mod publish;
mod reconcile;
mod run;
mod topology;

pub use config::Config;
pub use run::run;
pub use topology::Settings as TopologySettings;

/// What Drover owns under server-side apply, and the name of its Lease.
const FIELD_MANAGER: &str = api::names::LEADER_ENDPOINTS_CONTROLLER;
