//! What every Drover controller shares on the Kubernetes side: one way to call the API server,
//! to watch it, to be the one replica that acts, to work off keys and to tell users about it.
//!
//! Reading order: [`client`] (every API call passes its layers), [`watch`] (frames straight into
//! slim types), [`queue`] (which key runs when), [`lease`] (who may write), [`events`] (what users see).
//!
//! Invariant: nothing here decides. Decisions are the planner's; this crate carries them out or says why not.

pub mod causes;
pub mod client;
pub mod events;
pub mod fleet;
pub mod lease;
pub mod mirror;
pub mod queue;
pub mod rollout_service;
pub mod rollouts;
pub mod token_review;
pub mod watch;
pub mod work;
