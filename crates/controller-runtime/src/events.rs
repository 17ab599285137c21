//! Tells users what happens, where they look: `kubectl describe`. A storm of deletes is not a storm of events.
//!
//! Occurrences of the same reason on the same object become one Event: the first is written at once, the others are
//! merged into it when its window closes (10 s, then twice as long each time, at most 5 min). A window in which nothing
//! happens ends the series; what comes later begins a new Event. So a rollout that deletes 1,000 pods in 20 minutes
//! costs about eight writes, and its Event says so at any time to within a few minutes.
//!
//! Events are `core/v1`, not `events.k8s.io/v1`: there a note cannot be changed once written, and `kubectl describe`
//! shows both the same. Needs on `events` (core group): create, patch.
//!
//! Invariant: recording never waits and never fails. What cannot be written is dropped and counted.

mod metrics;
mod note;
mod recorder;
mod series;
mod store;

pub use metrics::EventMetrics;
pub use note::{Note, Tally};
pub use recorder::{EventRecorder, EventSettings};
pub use series::{Severity, Subject};
