//! The command line of Drover: what rollouts do, what a change would do, and what a user asks of them.
//!
//! Everything that changes something goes through the Kubernetes API with the user's own rights. What needs the rules of a
//! rollout (plans, explanations, simulations) runs the planner here, so that the command line says what the services do.
//!
//! - [`commands`] – one variant and one line for each command.
//! - [`progress`] – a run as it is shown, and [`eta`], when it will be done.
//! - [`view`] – a run as lines of text, and [`text`], what lines are.

pub mod advice;
pub mod app_set;
pub mod call;
pub mod commands;
pub mod eta;
pub mod explain;
mod file;
pub mod follow;
pub mod look;
pub mod progress;
pub mod reach;
pub mod screen;
pub mod simulate;
pub mod snapshot;
pub mod steer;
pub mod strategy;
pub mod target;
pub mod text;
pub mod timing;
pub mod view;

pub use commands::run;
