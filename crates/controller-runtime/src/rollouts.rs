//! The runs of a controller: a FleetRollout for each revision of each target, from its beginning to its end.
//!
//! A controller brings a [`Desk`], made once of what it is ([`Kind`]) and of its mirrors, and per look at a target the target's
//! side of it ([`Target`], [`Beginning`]). Between two looks it keeps a [`Rollout`] per target. A look is:
//!
//! 1. [`Desk::begin`] once per revision, [`Desk::complete`] every time: object, memory and rules of the run.
//! 2. The controller plans, from [`Rollout::rules`], [`Desk::approvals`] and [`Desk::progress`] among others, and commits.
//! 3. [`Desk::note`] for who depends on the target, [`Desk::publish`], [`Desk::ask`].
//!
//! FleetRollouts of all kinds are in one watch. Those of other kinds are left to their controllers.

mod approvals;
mod begin;
mod dependencies;
mod desk;
mod error;
mod letters;
mod metrics;
mod objects;
mod open;
mod publish;
mod rollout;
mod rules;
mod status;
mod strategies;

pub use approvals::AskError;
pub use begin::{Beginning, failed_before};
pub use dependencies::{ByName, Elsewhere, Named, Standings};
pub use desk::{Desk, Kind, Target};
pub use error::Error;
pub use letters::Letters;
pub use metrics::Metrics;
pub use rollout::Rollout;
pub use rules::Rules;
