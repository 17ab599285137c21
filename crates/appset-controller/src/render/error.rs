//! Why a workload cannot be rendered.

use api::yurt_app_set::{InvalidSelector, InvalidWorkload};

/// Why a workload cannot be rendered, in a pool or at all. Each names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// It cannot be read.
    #[error(transparent)]
    Workload(#[from] InvalidWorkload),
    /// A tweak's selector cannot be read.
    #[error(transparent)]
    Selector(#[from] InvalidSelector),
    /// The path of a patch is no JSON pointer.
    #[error("{path}: {given:?} is not a JSON pointer such as /spec/template/spec/containers/0/image: {why}")]
    Pointer {
        /// The field.
        path: String,
        /// Its value.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// A patch does not apply to the workload of a pool.
    #[error("{path}: {operation} at {at:?} does not apply in pool {pool}: {why}")]
    Patch {
        /// The patch.
        path: String,
        /// What it does.
        operation: &'static str,
        /// Where it does so, with the pool's name.
        at: String,
        /// The pool.
        pool: String,
        /// Why not.
        why: String,
    },
    /// A part of the workload is not an object, so that the pool cannot be put in.
    #[error("{path} of the workload: {given} is not {allowed}")]
    Shape {
        /// The part, in the workload.
        path: String,
        /// What is there, cut where it is long.
        given: String,
        /// What must be there.
        allowed: &'static str,
    },
    /// The value of a label of the workload or of its pods is not one.
    #[error("{path} of the workload in pool {pool}: {given:?} has {length} characters and is not {allowed}")]
    Label {
        /// The label, in the workload.
        path: String,
        /// The pool.
        pool: String,
        /// Its value.
        given: String,
        /// How long that is.
        length: usize,
        /// What it may be.
        allowed: &'static str,
    },
}

impl RenderError {
    /// Whether it is the pool's fault alone: its name is no label's value, so that no node can be in it either.
    pub fn is_pools(&self) -> bool {
        match self {
            Self::Label { pool, given, .. } => pool == given,
            Self::Workload(_) | Self::Selector(_) | Self::Pointer { .. } | Self::Patch { .. } | Self::Shape { .. } => {
                false
            }
        }
    }
}
