//! `cargo xtask demo` and `cargo xtask dev`: daemon-updater at work on a local cluster, to look at and to play with.
//!
//! - [`stage`]: the cluster, daemon-updater and the DaemonSet that is upgraded
//! - [`fleet`] and [`run`]: what a look at the cluster shows, pool by pool, and what the run says of itself
//! - [`play`]: one act on the stage, looked at until it is done; [`acts`] are the four of the demo
//! - [`openyurt`]: what OpenYurt's rule does to the same fleet
//! - [`results`] and [`facts`]: what the checker observed, and what had to hold
//! - [`screen`], [`picture`]: the terminal, and what is kept of it
//! - [`dev`]: the same stage, left to the user
//! - [`appset`]: another show, of appset-controller

mod acts;
pub mod appset;
pub mod dev;
mod facts;
mod fleet;
mod openyurt;
mod picture;
mod play;
mod results;
mod run;
mod screen;
mod stage;
mod text;

use std::path::PathBuf;

use anyhow::Result;

use self::acts::Acts;
use self::picture::Pictures;
use self::screen::Screen;

/// Shows all acts, and keeps pictures of it in a folder, if any. Whether every expected fact held.
pub async fn show(plain: bool, pictures: Option<PathBuf>) -> Result<bool> {
    let mut screen = Screen::new(plain);
    let mut acts = Acts::prepare(&mut screen, Pictures::new(pictures)).await?;
    acts.play(&mut screen).await?;
    let held = acts.conclude(&mut screen).await?;
    Ok(held)
}
