//! Releases on a fleet whose nodes stay: one cluster and one updater for all, each scenario on nodes of its own.

mod budget;
mod uncontrolled;

use std::time::Duration;

use anyhow::Result;
use tests::fixture::{Pace, Scene, Testbed, Updater};
use tokio::sync::OnceCell;

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);

async fn scene(name: &str, nodes: u32, pools: u32) -> Result<Scene<'static>> {
    static SHARED: OnceCell<(Testbed, Updater)> = OnceCell::const_new();
    SHARED.get_or_try_init(|| Testbed::with_updater(Pace::calm())).await?.0.scene(name, nodes, pools).await
}
