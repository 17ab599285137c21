//! How a reconcile ends.

use std::{error::Error, time::Duration};

/// When a key whose reconcile succeeded is to run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requeue {
    /// When somebody adds it.
    Await,
    /// After this long at the latest. Superseded by the next run, whatever starts it.
    After(Duration),
}

/// When a key whose reconcile failed is to run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The cause may pass by itself: after a wait that doubles with each failure in a row.
    Backoff,
    /// The object is at fault: when it, or what it depends on, changes and is added again.
    AwaitChange,
    /// Drover is at fault, or nothing can help: as `AwaitChange`, and logged as an error.
    Terminal,
}

/// What the queue asks of an error.
pub trait ReconcileError: Error + Send + Sync + 'static {
    /// When to try again.
    fn disposition(&self) -> Disposition;

    /// A bounded word for metrics and logs.
    fn kind(&self) -> &'static str;
}
