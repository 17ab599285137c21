//! `RolloutStrategy`: how new revisions of the targets that name it go through the fleet.
//!
//! Its spec is a [`Strategy`]; a FleetRollout holds a snapshot of the same type.

pub use crate::fleet_rollout::strategy::{RolloutStrategy, Strategy, StrategyError};
