//! Acting only as the leader, and only on what was listed since becoming it.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{LeaderState, Leadership};

/// Open while this replica leads and its mirrors are newer than its Lease. A reconcile asks it first. Cheap to clone; clones are
/// one gate.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// The term, 0 while closed.
    term: Arc<AtomicU64>,
}

/// What a service does as it begins to act and ceases to.
pub trait Acting: Sync {
    /// Starts every mirror over with a consistent full list: what the old leader wrote until the end of its term is in the
    /// objects, and nowhere else.
    fn relist(&self);

    /// Waits until all of them are complete.
    fn listed(&self) -> impl Future<Output = ()> + Send;

    /// Forgets what was remembered in earlier terms.
    fn forget(&self);

    /// Looks at everything, for the gate is open now.
    fn begin(&self);

    /// The gate was closed.
    fn cease(&self) {}
}

impl Gate {
    /// The term in which this replica acts; `None` while it must not.
    pub fn term(&self) -> Option<u64> {
        Some(self.term.load(Ordering::Acquire)).filter(|term| *term > 0)
    }

    /// Opens and closes as this replica wins and loses the Lease. Never ends.
    pub async fn follow(&self, leadership: &Leadership, service: &impl Acting) {
        let mut state = leadership.subscribe();
        loop {
            let now = state.borrow_and_update().clone();
            self.term.store(0, Ordering::Release);
            service.cease();
            match now {
                LeaderState::Leading { term } => {
                    service.relist();
                    tokio::select! {
                        () = service.listed() => {}
                        changed = state.changed() => {
                            if changed.is_err() { return pending().await }
                            continue;
                        }
                    }
                    tracing::info!(term, identity = leadership.identity(), "leading");
                    service.forget();
                    self.term.store(term, Ordering::Release);
                    service.begin();
                }
                LeaderState::Preparing { term } => {
                    tracing::info!(term, "won the lease, waiting for the old leader's writes");
                }
                LeaderState::Following { leader } => tracing::info!(leader, "standing by"),
            }
            if state.changed().await.is_err() {
                return pending().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::sync::Notify;
    use tokio::time::Instant;

    use super::super::leadership::Tenure;
    use super::*;
    use crate::lease::LeaseMetrics;

    #[derive(Default)]
    struct Service {
        did: Mutex<Vec<&'static str>>,
        lists: Notify,
    }

    impl Service {
        fn note(&self, what: &'static str) {
            self.did.lock().unwrap().push(what);
        }

        fn take(&self) -> Vec<&'static str> {
            std::mem::take(&mut self.did.lock().unwrap())
        }
    }

    impl Acting for Service {
        fn relist(&self) {
            self.note("relist");
        }

        async fn listed(&self) {
            self.lists.notified().await;
        }

        fn forget(&self) {
            self.note("forget");
        }

        fn begin(&self) {
            self.note("begin");
        }

        fn cease(&self) {
            self.note("cease");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_only_when_everything_was_listed_in_this_term() {
        let leadership = Leadership::new("me".into(), LeaseMetrics::default());
        let (gate, service) = (Gate::default(), Service::default());
        let story = async {
            let soon = || tokio::time::sleep(Duration::from_millis(1));
            let lead = |term| {
                let now = Instant::now();
                leadership.prepare(Tenure { term, from: now, until: now + Duration::from_hours(1) });
                leadership.lead(term);
            };
            soon().await;
            assert_eq!((gate.term(), service.take()), (None, vec!["cease"]));
            lead(3);
            soon().await;
            assert_eq!((gate.term(), service.take()), (None, vec!["cease", "relist"]));
            // Lost before the lists were complete: they say nothing about a later term.
            leadership.follow(None);
            soon().await;
            lead(5);
            soon().await;
            assert_eq!((gate.term(), service.take()), (None, vec!["cease", "cease", "relist"]));
            service.lists.notify_one();
            soon().await;
            assert_eq!((gate.term(), service.take()), (Some(5), vec!["forget", "begin"]));
            leadership.follow(Some("other"));
            soon().await;
            assert_eq!((gate.term(), service.take()), (None, vec!["cease"]));
        };
        tokio::select! {
            () = gate.follow(&leadership, &service) => {}
            () = story => {}
        }
    }
}
