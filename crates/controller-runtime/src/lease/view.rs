//! What a watch of one Lease has told.

use super::record::{LeaseRecord, Sighting};
use crate::watch::WatchSignal;
use tokio::time::Instant;

/// A Lease as followed.
#[derive(Debug)]
pub(super) struct LeaseView {
    /// A full list was seen: no Lease means that there is none.
    pub(super) known: bool,
    pub(super) seen: Option<Sighting>,
    /// When the watch last told anything of the cluster.
    pub(super) heard: Instant,
    /// The list that is being told has named it.
    listed: bool,
}

impl LeaseView {
    /// Nothing told yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { known: false, seen: None, heard: now, listed: false }
    }

    pub(super) fn take(&mut self, signal: WatchSignal<LeaseRecord>, now: Instant) {
        if !matches!(signal, WatchSignal::Interrupted { .. }) {
            self.heard = now;
        }
        match signal {
            WatchSignal::Restarted => self.listed = false,
            WatchSignal::Applied(record) => {
                self.listed = true;
                self.seen = Some(Sighting::after(self.seen.take(), record, now));
            }
            WatchSignal::Deleted(_) => self.seen = None,
            WatchSignal::InitDone(_) => {
                self.known = true;
                self.seen = self.seen.take().filter(|_| self.listed);
            }
            WatchSignal::Bookmark(_)
            | WatchSignal::Skipped
            | WatchSignal::Undecodable(_)
            | WatchSignal::Interrupted { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::lease;
    use super::*;
    use crate::watch::ResourceVersion;

    #[test]
    fn a_list_that_does_not_name_it_means_it_is_gone() {
        let now = Instant::now();
        let mut view = LeaseView::new(now);
        let done = || WatchSignal::InitDone(ResourceVersion(9));
        for (signal, known, seen) in [
            (WatchSignal::Restarted, false, false),
            (WatchSignal::Applied(lease(1, "a", 5, "t")), false, true),
            (done(), true, true),
            (WatchSignal::Restarted, true, true),
            (done(), true, false),
            (WatchSignal::Applied(lease(2, "a", 5, "t")), true, true),
            (WatchSignal::Deleted(lease(3, "a", 5, "t")), true, false),
        ] {
            let told = format!("{signal:?}");
            view.take(signal, now);
            assert_eq!((view.known, view.seen.is_some()), (known, seen), "{told}");
        }
    }
}
