//! Releases on a fleet whose nodes come and go: one cluster and one updater for all, each scenario on nodes of its own.

mod flapping;
mod killing;
mod offline;

use std::time::Duration;

use anyhow::Result;
use tests::fixture::{Pace, Scene, Testbed, Updater};
use tokio::sync::OnceCell;

/// A unit settles in 11 s here.
const LONG: Duration = Duration::from_mins(5);

async fn scene(name: &str, nodes: u32, pools: u32) -> Result<Scene<'static>> {
    static SHARED: OnceCell<(Testbed, Updater)> = OnceCell::const_new();
    SHARED.get_or_try_init(|| Testbed::with_updater(Pace::faulty().patient())).await?.0.scene(name, nodes, pools).await
}
