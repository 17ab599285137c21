//! Updaters that die, stand still, or lose their answers. Each scenario has a cluster of its own.

mod answers;
mod crashes;
mod kills;

use std::time::Duration;

use anyhow::Result;
use tests::fixture::{Pace, Testbed};

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);

/// A cluster whose updaters have a lease of 3 s.
async fn bed() -> Result<Testbed> {
    Testbed::start(Pace::calm().short_lease()).await
}
