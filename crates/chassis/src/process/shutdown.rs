//! How a process ends: drain within the grace period, abandon the rest, release.

use std::pin::Pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::signals::Signals;
use super::tasks::Tasks;

/// Asks a process to end, and tells its parts that it does. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown {
    requested: CancellationToken,
    stopping: CancellationToken,
}

/// Something to do when no task runs any more.
pub(super) struct Release {
    name: &'static str,
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// How long each release may take: a lease is given up with one request.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// How long abandoned tasks may take to let go: they are dropped where they wait.
const ABANDON_LIMIT: Duration = Duration::from_secs(1);

impl Shutdown {
    pub(super) fn new() -> Self {
        Self { requested: CancellationToken::new(), stopping: CancellationToken::new() }
    }

    /// Ends the process as SIGTERM does.
    pub fn request(&self) {
        self.requested.cancel();
    }

    /// Is cancelled when the process stops taking in work. Cancelling it stops nothing else.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.child_token()
    }

    pub(super) async fn requested(&self) {
        self.requested.cancelled().await;
    }

    pub(super) fn begin(&self) {
        self.stopping.cancel();
    }
}

impl Release {
    pub(super) fn new(name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { name, work: Box::pin(work) }
    }
}

/// Waits for the tasks to end by themselves; abandons them after `grace` or at a second signal.
pub(super) async fn drain(tasks: &Tasks, grace: Duration, signals: &mut Signals) {
    let reason = tokio::select! {
        () = tasks.all_ended() => return,
        () = tokio::time::sleep(grace) => "the grace period is over",
        signal = signals.next() => signal,
    };
    let abandoned = tasks.abandon();
    tracing::warn!(reason, tasks = abandoned.join(", "), "work abandoned");
    if tokio::time::timeout(ABANDON_LIMIT, tasks.all_ended()).await.is_err() {
        tracing::error!("an abandoned task still runs");
    }
}

/// Does what is to be done last, one after the other.
pub(super) async fn release(releases: Vec<Release>) {
    for Release { name, work } in releases {
        if tokio::time::timeout(RELEASE_LIMIT, work).await.is_err() {
            tracing::warn!(name, limit = ?RELEASE_LIMIT, "not released in time");
        }
    }
}
