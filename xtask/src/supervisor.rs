//! Child processes and files that cannot outlive their owner, however it ends.
//!
//! The owner starts the hidden command `xtask _supervise` and talks to it over its stdin and stdout. The supervisor starts
//! every child; when its stdin ends (the owner finished, panicked or got SIGKILL) it kills all of them and deletes the paths
//! it was told to. When the supervisor itself is killed, the kernel kills the children: each is tied to it with
//! `PR_SET_PDEATHSIG`, which works because the supervisor starts them from its one lasting thread. That is why threads of a
//! test binary do not start them.

pub(crate) mod leftovers;
mod owner;
mod protocol;
mod server;
mod tie;

pub(crate) use owner::binary;
pub use owner::{Supervised, Supervisor};
pub use protocol::{Exit, Program};
pub use server::serve;
pub use tie::tie_and_exec;

/// The hidden commands by which the xtask binary serves this module.
pub(crate) const SERVE_COMMAND: &str = "_supervise";
pub(crate) const TIE_COMMAND: &str = "_tie";
