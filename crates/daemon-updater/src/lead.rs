//! Acting only as the leader, and only on what was listed since becoming it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use controller_runtime::lease::LeaderState;

use crate::context::Context;

/// Open while this replica leads and its mirrors are newer than its lease.
#[derive(Debug, Default)]
pub(crate) struct Gate(AtomicBool);

impl Gate {
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self, open: bool) {
        self.0.store(open, Ordering::Release);
    }
}

/// Follows the election. A new leader forgets every run's memory, lists everything again with quorum, and then wakes all
/// DaemonSets: what the old leader wrote until the end of its term is in the objects, and nowhere else. Never ends.
pub(crate) async fn follow(context: Arc<Context>) {
    let mut state = context.leadership.subscribe();
    loop {
        let now = state.borrow_and_update().clone();
        context.gate.set(false);
        match now {
            LeaderState::Leading { term } => {
                context.relist();
                tokio::select! {
                    () = listed(&context) => {}
                    changed = state.changed() => {
                        if changed.is_err() { return std::future::pending().await }
                        continue;
                    }
                }
                tracing::info!(term, identity = context.leadership.identity(), "leading");
                context.runs.clear();
                context.claims.lock().clear();
                context.gate.set(true);
                context.daemon_sets.all().iter().for_each(|object| {
                    context.queue.add(controller_runtime::mirror::Mirrored::uid(&**object));
                });
            }
            LeaderState::Preparing { term } => {
                tracing::info!(term, "won the lease, waiting for the old leader's writes");
            }
            LeaderState::Following { leader } => tracing::info!(leader, "standing by"),
        }
        if state.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Waits until every mirror is complete.
async fn listed(context: &Context) {
    while !context.is_listed() {
        context.listed.notified().await;
    }
}
