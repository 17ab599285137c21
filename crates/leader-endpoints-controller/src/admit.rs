//! First step: is there a pool of this name, to be led?

use std::sync::Arc;

use planner::fleet::Name;

use crate::context::Context;
use crate::pools::Pool;

/// What a name among pools is.
pub(crate) enum Admission {
    /// A pool to be led.
    Pool(Arc<Pool>),
    /// No pool: nodes that bear the name belong nowhere.
    Nowhere,
    /// A pool that is being deleted: Kubernetes takes its outputs with it.
    Leaving,
}

/// Decides.
pub(crate) fn admit(context: &Context, name: &Name) -> Admission {
    match context.pool(name) {
        Some(pool) if pool.metadata.deletion_timestamp.is_some() => Admission::Leaving,
        Some(pool) => Admission::Pool(pool),
        None => Admission::Nowhere,
    }
}
