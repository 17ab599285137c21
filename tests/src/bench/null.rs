//! The null controller: watches what daemon-updater watches and does nothing. What it costs is the price of watching.

use std::io::Write as _;
use std::path::Path;
use std::pin::pin;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use tokio::io::AsyncReadExt as _;

use super::ideal::LISTED;
use super::slim::{self, Slim};

/// By these labels daemon-updater chooses the pods that it watches.
const DAEMON_PODS: &str = "controller-revision-hash,pod-template-generation";

/// The collections that change while pods are upgraded.
const WATCHED: [(&str, Option<&str>); 3] =
    [("/api/v1/pods", Some(DAEMON_PODS)), ("/api/v1/nodes", None), ("/apis/apps/v1/daemonsets", None)];

/// Runs until stdin ends.
pub async fn run(kubeconfig: &Path) -> Result<()> {
    let client = slim::client(kubeconfig).await?;
    let mut watches = Vec::new();
    for (path, labels) in WATCHED {
        watches.push(slim::follow::<Slim>(&client, path, labels).await?.boxed());
    }
    let mut events = futures::stream::select_all(watches);
    let mut stdin = tokio::io::stdin();
    let mut order = [0; 64];
    let mut listed = 0;
    let mut ends = pin!(async move { while stdin.read(&mut order).await.is_ok_and(|read| read > 0) {} });
    loop {
        tokio::select! {
            () = &mut ends => return Ok(()),
            event = events.next() => {
                let event = event.context("a watch ended")??;
                listed += usize::from(slim::ends_list(&event));
                if slim::ends_list(&event) && listed == WATCHED.len() {
                    writeln!(std::io::stdout(), "{LISTED}")?;
                }
            }
        }
    }
}
