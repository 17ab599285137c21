//! What the rest of a service sees of an election.

use super::metrics::LeaseMetrics;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

/// Where this replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaderState {
    /// Another leads, or nobody that is known.
    Following {
        /// Its identity.
        leader: Option<String>,
    },
    /// The Lease is ours, but another's writes may still be on their way.
    Preparing {
        /// As in `Leading`.
        term: u64,
    },
    /// This replica may write. A new term means: whatever was seen before may be old; list with quorum, then act.
    Leading {
        /// Counts the changes of leader; never the same for two of them.
        term: u64,
    },
}

/// The right to write, to be asked for before each write. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Leadership(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    identity: String,
    standing: Mutex<Standing>,
    state: watch::Sender<LeaderState>,
    /// Rung when the last permit is given back.
    idle: Notify,
    metrics: LeaseMetrics,
}

#[derive(Debug, Default)]
struct Standing {
    tenure: Option<Tenure>,
    permits: usize,
}

/// From when to when this replica may write. `until` moves with each renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tenure {
    pub(super) term: u64,
    pub(super) from: Instant,
    pub(super) until: Instant,
}

/// One write is allowed. Hold it until the write has ended: the Lease is not released before.
#[derive(Debug)]
pub struct Permit {
    leadership: Leadership,
    term: u64,
}

/// This replica may not write now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the leader{}", leader.as_ref().map(|leader| format!(": that is {leader}")).unwrap_or_default())]
pub struct NotLeading {
    /// Who leads, where known.
    pub leader: Option<String>,
}

impl Leadership {
    pub(super) fn new(identity: String, metrics: LeaseMetrics) -> Self {
        let state = watch::Sender::new(LeaderState::Following { leader: None });
        Self(Arc::new(Shared { identity, standing: Mutex::default(), state, idle: Notify::new(), metrics }))
    }

    /// Allows one write, if this replica leads at this moment by its monotonic clock.
    pub fn permit(&self) -> Result<Permit, NotLeading> {
        let now = Instant::now();
        let mut standing = self.standing();
        let tenure = standing.tenure.filter(|tenure| tenure.covers(now));
        let Some(tenure) = tenure else {
            drop(standing);
            return Err(NotLeading { leader: self.leader() });
        };
        standing.permits += 1;
        Ok(Permit { leadership: self.clone(), term: tenure.term })
    }

    /// Whether a permit would be given now.
    pub fn leads(&self) -> bool {
        let now = Instant::now();
        self.standing().tenure.is_some_and(|tenure| tenure.covers(now))
    }

    /// Changes of this replica's standing, the present one first.
    pub fn subscribe(&self) -> watch::Receiver<LeaderState> {
        self.0.state.subscribe()
    }

    /// The name of this replica.
    pub fn identity(&self) -> &str {
        &self.0.identity
    }

    fn leader(&self) -> Option<String> {
        match &*self.0.state.borrow() {
            LeaderState::Following { leader } => leader.clone(),
            LeaderState::Preparing { .. } | LeaderState::Leading { .. } => None,
        }
    }

    pub(super) fn follow(&self, leader: Option<&str>) {
        self.standing().tenure = None;
        self.publish(LeaderState::Following { leader: leader.map(str::to_owned) });
    }

    pub(super) fn prepare(&self, tenure: Tenure) {
        self.standing().tenure = Some(tenure);
        self.publish(LeaderState::Preparing { term: tenure.term });
    }

    pub(super) fn lead(&self, term: u64) {
        self.publish(LeaderState::Leading { term });
    }

    pub(super) fn extend(&self, until: Instant) {
        if let Some(tenure) = &mut self.standing().tenure {
            tenure.until = until;
        }
    }

    /// Gives no more permits, and waits until those given are back.
    pub(super) async fn resign(&self) {
        self.standing().tenure = None;
        loop {
            let idle = self.0.idle.notified();
            if self.standing().permits == 0 {
                return;
            }
            idle.await;
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, state: LeaderState) {
        let leads = matches!(state, LeaderState::Leading { .. });
        let changed = self.0.state.send_if_modified(|old| {
            let changed = *old != state;
            *old = state;
            changed
        });
        let led = self.0.metrics.leading.set(i64::from(leads)) == 1;
        if changed {
            tracing::info!(state = ?*self.0.state.borrow(), "leadership");
        }
        if led != leads {
            self.0.metrics.transitions.inc();
        }
    }
}

impl Tenure {
    pub(super) fn covers(&self, now: Instant) -> bool {
        (self.from..self.until).contains(&now)
    }
}

impl Permit {
    /// The term it was given in.
    pub fn term(&self) -> u64 {
        self.term
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut standing = self.leadership.standing();
        standing.permits -= 1;
        if standing.permits == 0 {
            self.leadership.0.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn leading(until: Duration) -> Leadership {
        let leadership = Leadership::new("me".into(), LeaseMetrics::default());
        let now = Instant::now();
        leadership.prepare(Tenure { term: 7, from: now + Duration::from_secs(1), until: now + until });
        leadership
    }

    #[tokio::test(start_paused = true)]
    async fn permits_begin_and_end_by_the_clock_alone() {
        let leadership = leading(Duration::from_secs(10));
        assert!(leadership.permit().is_err(), "another's writes may be on their way");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(leadership.permit().unwrap().term(), 7);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(leadership.permit().is_err(), "no task had to run for this");
        leadership.extend(Instant::now() + Duration::from_secs(1));
        assert!(leadership.leads());
        leadership.follow(Some("other"));
        assert_eq!(leadership.permit().unwrap_err().to_string(), "not the leader: that is other");
    }

    #[tokio::test(start_paused = true)]
    async fn resigning_waits_for_writes_in_flight() {
        let leadership = leading(Duration::from_mins(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        let (first, second) = (leadership.permit().unwrap(), leadership.permit().unwrap());
        let resigning = tokio::spawn({
            let leadership = leadership.clone();
            async move { leadership.resign().await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(leadership.permit().is_err() && !resigning.is_finished());
        drop(first);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!resigning.is_finished());
        drop(second);
        resigning.await.unwrap();
    }

    #[tokio::test]
    async fn transitions_are_counted_once() {
        let metrics = LeaseMetrics::default();
        let leadership = Leadership::new("me".into(), metrics.clone());
        leadership.follow(Some("a"));
        leadership.lead(1);
        leadership.lead(1);
        assert_eq!((metrics.leading.get(), metrics.transitions.get()), (1, 1));
        leadership.follow(None);
        leadership.follow(Some("b"));
        assert_eq!((metrics.leading.get(), metrics.transitions.get()), (0, 2));
    }
}
