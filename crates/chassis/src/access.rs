//! Who calls, and who may call what.
//!
//! A caller is a Kubernetes service account, proved by a token for the audience `drover`. What a token says is not for
//! this crate to judge: a [`Reviewer`] does. The [`Table`] of a service, in code, says which caller may call which
//! method; what it does not allow is refused.
//!
//! ```
//! use chassis::access::{Allow, Table};
//!
//! let table = Table::default()
//!     .service("drover.topology.v1.TopologyService", Allow::namespace("drover-system"))
//!     .method("drover.ota.v1.OtaService", "Consent", Allow::known().on_a_node());
//! # let _ = table;
//! ```
//!
//! A service method asks [`Caller::of`] its request who calls, and [`Caller::must_be_on`] whether it speaks for a node.

mod account;
mod allow;
mod caller;
mod reviewer;
mod table;
mod token;

pub use account::{Account, AccountError};
pub use allow::Allow;
pub use caller::{Bound, Caller};
pub(crate) use reviewer::KnowsNobody;
pub use reviewer::{Review, Reviewer, Unavailable};
pub(crate) use table::Rule;
pub use table::Table;
pub use token::Token;

/// The audience of the tokens that callers of Drover's services present.
pub const AUDIENCE: &str = "drover";
