//! Acting only as the leader, and only on what was listed since becoming it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use controller_runtime::lease::LeaderState;

use crate::context::Context;

/// Open while this replica leads and its mirrors are newer than its lease. Holds the term, 0 while closed.
#[derive(Debug, Default)]
pub(crate) struct Gate(AtomicU64);

impl Gate {
    /// The term in which this replica acts; `None` while it must not.
    pub(crate) fn term(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Acquire)).filter(|term| *term > 0)
    }

    fn open(&self, term: u64) {
        self.0.store(term, Ordering::Release);
    }

    fn close(&self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Follows the election of the acting replica. A new one lists everything again with quorum before it acts: what the old one
/// wrote until the end of its term is in the objects, and nowhere else. Never ends.
pub(crate) async fn follow(context: Arc<Context>) {
    let mut state = context.leadership.subscribe();
    loop {
        let now = state.borrow_and_update().clone();
        context.gate.close();
        context.ledger.clear();
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
                context.memories.clear();
                context.gate.open(term);
                context.wake_all();
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
