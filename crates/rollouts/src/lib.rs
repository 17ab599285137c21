//! What a client of `RolloutService` knows of the targets that it waits for, and how old that is.
//!
//! A service whose strategies say `dependsOn` keeps a [`View`] of the service that drives those targets. Only targets that
//! were asked for are followed: until then nothing is connected to. What was not confirmed for a while is unknown, and
//! unknown means no new disruption.
//!
//! ```no_run
//! use rollouts::{Follow, Settings, Target};
//!
//! # async fn serve(settings: &Settings) -> Result<(), chassis::peer::PeerError> {
//! let Follow { view, following } = rollouts::follow(settings)?;
//! tokio::spawn(following);
//! let mut changes = view.subscribe();
//! let shop = Target::new("shops", "YurtAppSet", "till");
//! while changes.changed().await.is_ok() {
//!     println!("{:?}", view.progress(&shop).everywhere);
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod follow;
mod model;
mod stream;

pub use chassis::follow::Settings;
pub use follow::{Follow, View, follow};
pub use model::Target;
