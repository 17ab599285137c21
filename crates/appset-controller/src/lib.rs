//! appset-controller: one application, every pool.
//!
//! This crate decides; nothing in it reads or writes a cluster yet. Reading order: `plan` (one snapshot to steps, with a hold for
//! everything that is not done), then what it stands on: `pools` (which pools a YurtAppSet is about), `render` (its workload in one
//! of them), `canonical` (what is the same), `revisions` (the history of what was asked for), `pins` (pools that keep an older
//! revision), `children` (the workloads that are there and whose they are), `adopt` (those that OpenYurt made), `drift` (what others
//! changed). `status` says how it stands.
//!
//! Invariant: every function here is total and deterministic; no object, however odd, makes one panic.
//! Invariant: the pod template of a pool depends on the template, the tweaks that are about this pool, and its name, on nothing else.

pub mod adopt;
pub mod canonical;
pub mod children;
pub mod drift;
pub mod pins;
pub mod plan;
pub mod pools;
pub mod render;
pub mod revisions;
pub mod status;
