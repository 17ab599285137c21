//! Whether somebody else's controller lives, by its Lease. A live yurt-manager beside daemon-updater would delete twice.

use super::{record::LeaseRecord, store::collection, view::LeaseView};
use crate::watch::{Watch, WatchMetrics, WatchTarget};
use chassis::Process;
use kube::Client;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// What is known of a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Neighbour {
    /// Not yet looked, or the API server is out of reach. Whoever must not act beside it holds.
    Unknown,
    /// No Lease, a released one, or one that was not renewed for its duration while we watched.
    Absent,
    /// It renews its Lease; or we have not watched long enough to tell. Clocks are not compared: the Lease's times are
    /// of the machine that wrote them.
    Live {
        /// Who holds it.
        holder: String,
    },
}

/// Follows one Lease and tells whether its holder lives. Needs list and watch on that Lease.
pub struct NeighbourWatch {
    name: String,
    watch: Watch<LeaseRecord>,
    view: LeaseView,
    state: watch::Sender<Neighbour>,
}

/// How long what is known stays so without a word from the watch, which brings a bookmark every minute or so:
/// `watch_stale` of rollouts.md.
const STALE: Duration = Duration::from_secs(90);

impl NeighbourWatch {
    /// For yurt-manager: namespace `kube-system`, name `yurt-manager`.
    pub fn new(client: Client, namespace: &str, name: &str, metrics: &WatchMetrics) -> Self {
        let target = WatchTarget::at(collection(namespace)).fields(format!("metadata.name={name}"));
        let watch = Watch::new(client, target, metrics);
        Self {
            name: name.to_owned(),
            watch,
            view: LeaseView::new(Instant::now()),
            state: watch::Sender::new(Neighbour::Unknown),
        }
    }

    /// What is known, and changes of it.
    pub fn subscribe(&self) -> watch::Receiver<Neighbour> {
        self.state.subscribe()
    }

    /// Keeps it known as a task of the process, and tells of every change.
    pub fn follow(self, process: &Process, mut on_change: impl FnMut(&Neighbour) + Send + 'static) {
        let mut known = self.subscribe();
        process.until_stopped("yurt-manager", async move {
            let told = async {
                while known.changed().await.is_ok() {
                    let neighbour = known.borrow_and_update().clone();
                    on_change(&neighbour);
                }
            };
            tokio::join!(self.run(), told);
        });
    }

    /// Never ends.
    async fn run(mut self) {
        let mut signals = Vec::new();
        loop {
            let (neighbour, changes) = judge(&self.view, Instant::now());
            self.publish(neighbour);
            let changes = async {
                match changes {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.watch.next_batch(&mut signals) => {
                    let now = Instant::now();
                    signals.drain(..).for_each(|signal| self.view.take(signal, now));
                }
                () = changes => {}
            }
        }
    }

    fn publish(&self, neighbour: Neighbour) {
        self.state.send_if_modified(|old| {
            let changed = *old != neighbour;
            if changed {
                tracing::info!(?neighbour, lease = self.name, "a neighbour's lease");
            }
            *old = neighbour;
            changed
        });
    }
}

/// What a view means now, and when that changes by itself.
fn judge(view: &LeaseView, now: Instant) -> (Neighbour, Option<Instant>) {
    let stale = view.heard + STALE;
    let held = view.seen.as_ref().and_then(|seen| Some((seen, seen.record.holder()?)));
    match held {
        Some((seen, holder)) if now < seen.expires() => {
            (Neighbour::Live { holder: holder.to_owned() }, Some(seen.expires()))
        }
        Some(_) | None if view.known && now < stale => (Neighbour::Absent, Some(stale)),
        Some(_) | None => (Neighbour::Unknown, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::lease;
    use super::*;
    use crate::watch::{ResourceVersion, WatchSignal};

    #[test]
    fn it_lives_while_it_renews_as_seen_by_us() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut view = LeaseView::new(start);
        assert_eq!(judge(&view, start), (Neighbour::Unknown, None));

        // Its renewTime is of years ago: clocks are not compared.
        let live = Neighbour::Live { holder: "m".into() };
        view.take(WatchSignal::Applied(lease(1, "m", 15, "2020-01-01T00:00:00.000000Z")), start);
        view.take(WatchSignal::InitDone(ResourceVersion(1)), start);
        assert_eq!(judge(&view, at(14)), (live.clone(), Some(at(15))));
        view.take(WatchSignal::Applied(lease(2, "m", 15, "2020-01-01T00:00:10.000000Z")), at(10));
        assert_eq!(judge(&view, at(24)).0, live);
        assert_eq!(judge(&view, at(25)), (Neighbour::Absent, Some(at(100))));
        assert_eq!(judge(&view, at(100)), (Neighbour::Unknown, None), "nothing heard for 90 s");
        view.take(WatchSignal::Bookmark(ResourceVersion(3)), at(110));
        assert_eq!(judge(&view, at(110)).0, Neighbour::Absent);
        view.take(WatchSignal::Applied(lease(4, "", 15, "t")), at(120));
        assert_eq!(judge(&view, at(120)).0, Neighbour::Absent, "released");
    }
}
