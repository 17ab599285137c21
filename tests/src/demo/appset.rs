//! `cargo xtask demo --appset`: one application in 20 pools, upgraded in three waves; then a release that does not work, halted
//! in the canary; then one that is mended.
//!
//! - [`stage`]: the application, its strategy, and the pools
//! - [`show`]: the acts, looked at as `drover status -w` shows them
//! - [`facts`]: what had to hold, by the checker and the audit log

mod facts;
mod show;
mod stage;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use xtask::tools::Tools;

use self::show::Show;
use super::picture::Pictures;
use super::screen::Screen;
use crate::fixture::APPSET_CONTROLLER;
use crate::fixture::{Pace, ServiceSpec, Testbed};

/// Shows all acts, and keeps pictures of it in a folder, if any. Whether every expected fact held.
pub async fn show(plain: bool, pictures: Option<PathBuf>) -> Result<bool> {
    let mut screen = Screen::new(plain);
    show::introduce(&mut screen);
    screen.step("building etcd, the Kubernetes control plane and kwok, unless they are in the cache");
    tokio::task::spawn_blocking(Tools::ready).await??;
    screen.step("starting the control plane");
    let bed = Testbed::for_app_sets(Pace::calm()).await?;
    screen.step("starting appset-controller under its own service account");
    let service = bed.appset_controller(ServiceSpec::new(APPSET_CONTROLLER)).await?;
    screen.step(&format!("making {} NodePools with a node each, and the application in each of them", stage::POOLS));
    let estate = stage::set(&bed).await.context("setting the stage")?;
    let mut show = Show::new(&service, &estate, Pictures::new(pictures));
    show.play(&mut screen).await?;
    show.conclude(&mut screen).await
}
