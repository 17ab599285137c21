//! What the suites on a real cluster stand on: a [`Testbed`] (cluster, watcher, updaters) and on it [`Scene`]s, each with its
//! own namespace and nodes, so that several run at once. Everything ends with the program, however that ends.

mod allowed;
mod appset;
mod pace;
mod rights;
mod runs;
mod scene;
pub mod service;
mod testbed;
mod updater;
mod yurt_manager;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

pub use allowed::{allowed, has_rights};
pub use appset::{APPSET_CONTROLLER, APPSET_USER, AppSet, Estate, Pods, condition, says};
pub use pace::Pace;
pub use scene::{SCENE_LABEL, Scene};
pub use service::{Service, ServiceSpec};
pub use testbed::Testbed;
pub use updater::{Updater, UpdaterSpec};
pub use yurt_manager::YurtManager;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits until `look` finds something. An error of `look` ends the wait.
pub async fn eventually<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("waited {patience:?} in vain for {what}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
