//! What a client of `TopologyService` knows of pools and nodes, and how old that is.
//!
//! A service that needs to know who is reachable keeps a [`View`]. It is followed over two streams that resume where they
//! broke; it can be asked at any time, without waiting; and it knows its age. An answer that is older than a bound is
//! [`Known::Unknown`], which whoever disrupts something must take for a reason to hold.
//!
//! ```no_run
//! use std::sync::Arc;
//! use topology::{Follow, Interest, Known, Settings};
//!
//! # async fn serve(settings: &Settings) -> Result<(), chassis::peer::PeerError> {
//! let Follow { view, following } = topology::follow(settings, Interest::everything())?;
//! tokio::spawn(following);
//! let mut changes = view.subscribe();
//! while changes.changed().await.is_ok() {
//!     match view.node("store-7-node-2") {
//!         Known::Known(Some(node)) if node.ready => println!("Ready since {:?}", node.since),
//!         Known::Known(_) => println!("not there, or not Ready"),
//!         Known::Unknown(unknown) => println!("nobody knows: {unknown}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What follows the streams is [`chassis::follow`], as for every client of a feed.

mod follow;
mod known;
mod model;
mod streams;
mod view;

pub use chassis::follow::Settings;
pub use follow::{Follow, Interest, follow};
pub use known::{Known, Unknown};
pub use model::{Leader, Node, Pool, PoolKind};
pub use view::View;
