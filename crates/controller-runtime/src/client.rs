//! The one way to the API server.
//!
//! The stack, outermost first: [`ApiCalls`] counts every call, the deadline bounds every call but a
//! watch, [`Faults`] (inert unless the environment asks) breaks calls in tests, then base address,
//! credentials and HTTP/1.1 over rustls.
//!
//! Invariant: a write is never retried here. A write whose outcome is unknown is reported as such,
//! and its caller looks before it acts again. There is no client-side rate limit either: budgets and
//! worker counts bound the writes, priority and fairness in the API server bounds the rest.

mod call;
mod calls;
mod connect;
mod deadline;
mod delete;
mod faults;
mod section;
mod write;

pub use call::{Call, Verb};
pub use calls::{ApiCalls, CallCount};
pub use connect::{ClientSettings, ConnectError, connect};
pub use deadline::TimedOut;
pub(crate) use delete::drain;
pub use delete::{Deleted, WriteError, delete_pod};
pub use faults::{FAULTS_VARIABLE, FaultError, Faults, Injected};
pub use section::Kube;
pub use write::{Place, Writer};
