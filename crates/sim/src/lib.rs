//! A deterministic world that runs the planner unmodified: no threads, no clock, one seed.
//!
//! What it imitates: nodes in pools with links that flap, kubelets that take their time, Kubernetes' own slowness (a dead
//! node is noticed 40–50 s after its last lease, deleted pods on it stay Terminating), releases that are good, slow, broken
//! or take their nodes away, watches that lag or stall, answers that get lost, and daemon-updater's process, which may be
//! killed at any time and knows afterwards what FleetRollout's status holds.
//!
//! - [`world`] – the world and its events; [`World::run_until`] lets time pass.
//! - [`happening`] – what people and faults do to it.
//! - [`pace`], [`release`], [`rng`] – how long things take, what a release does, and chance.
//! - `witness` – invariants, recomputed by other means than the planner's, after every step.
//! - [`transcript`] – a run in words: the reason of every step and hold.
//! - [`story`] – text scripts with a transcript that anyone can read and review.
//! - [`random`] – worlds made from a seed, for campaigns.
//! - [`trial`] – one release on one fleet, in numbers: what `drover simulate` and `cargo xtask bench waves` repeat.
//!
//! Invariant: the planner is called in `updater.rs` and nowhere else.

mod agenda;
mod cluster;
pub mod happening;
mod mirror;
pub mod pace;

pub mod random;
pub mod release;
pub mod rng;
pub mod story;
pub mod transcript;
pub mod trial;
mod updater;
mod witness;
pub mod world;

pub use happening::Happening;
pub use release::Release;
pub use world::{Setup, Summary, World};
