//! The process: what it refuses, what it serves, who leads, how it ends, and whom it makes way for.

mod admin;
mod configuration;
mod deployment;
mod grpcurl;
mod leaders;
mod neighbour;
mod workers;

use std::time::Duration;

use anyhow::Result;
use tests::fixture::{Pace, Testbed, Updater};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);

/// A cluster with one updater, for scenarios that leave it as it is.
async fn served() -> Result<&'static (Testbed, Updater)> {
    static BED: OnceCell<(Testbed, Updater)> = OnceCell::const_new();
    BED.get_or_try_init(|| Testbed::with_updater(Pace::calm())).await
}

/// The right to change how many workers the updater of [`served`] has.
async fn only_one_sets_workers() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// A cluster without updaters, for scenarios that start and stop them: for one after the other.
async fn stage() -> Result<(&'static Testbed, MutexGuard<'static, ()>)> {
    static BED: OnceCell<Testbed> = OnceCell::const_new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    Ok((BED.get_or_try_init(|| Testbed::start(Pace::calm().short_lease())).await?, turn))
}
