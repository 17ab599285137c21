//! The election: stand by, lead, resign.

mod reign;

use super::{
    Leadership, LeaseMetrics, LeaseSettings, LeaseSettingsError,
    claim::{Claim, claim},
    record::{LeaseRecord, Sighting},
    store::{Store, StoreError, collection},
    view::LeaseView,
};
use crate::causes::Causes;
use crate::watch::{ResourceVersion, Watch, WatchMetrics, WatchTarget};
use kube::Client;
use reign::Ended;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// The wait before a write to the Lease that failed is tried again, at most a renewal interval's fifth.
const RETRY: Duration = Duration::from_secs(1);

/// An election by a Lease.
pub struct LeaseElection {
    store: Store,
    leadership: Leadership,
    /// No permits before: another's last writes may be on their way until then.
    not_before: Instant,
    metrics: LeaseMetrics,
    watches: WatchMetrics,
}

/// A Lease that was just won, and when the request for it was sent.
struct Won {
    record: LeaseRecord,
    sent: Instant,
}

impl LeaseElection {
    /// A candidate named `identity`; see [`super::identity`].
    pub fn new(
        client: Client,
        settings: LeaseSettings,
        identity: String,
        metrics: LeaseMetrics,
        watches: WatchMetrics,
    ) -> Result<Self, LeaseSettingsError> {
        settings.validate()?;
        let leadership = Leadership::new(identity.clone(), metrics.clone());
        let store = Store { client, settings, identity };
        Ok(Self { store, leadership, not_before: Instant::now(), metrics, watches })
    }

    /// The handle for everything else.
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Takes part until `stop` is cancelled, then gives no more permits, waits for those given, and frees the Lease.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let won = tokio::select! {
                won = self.stand_by() => won,
                () = stop.cancelled() => break,
            };
            match self.lead(won, &stop).await {
                Ended::Lost => self.leadership.follow(None),
                Ended::Stopped(held) => {
                    self.release(held).await;
                    break;
                }
            }
        }
        self.leadership.follow(None);
    }

    /// Follows the Lease until it can be taken and was.
    async fn stand_by(&mut self) -> Won {
        let settings = self.store.settings.clone();
        let target =
            WatchTarget::at(collection(&settings.namespace)).fields(format!("metadata.name={}", settings.name));
        let mut watch = Watch::<LeaseRecord>::new(self.store.client.clone(), target, &self.watches);
        let mut signals = Vec::new();
        let mut view = LeaseView::new(Instant::now());
        let mut pause = Instant::now();
        loop {
            let claim = view.known.then(|| claim(view.seen.as_ref(), &self.store.identity, &settings, Instant::now()));
            let wake = match claim {
                Some(Claim::Take { handover }) if pause <= Instant::now() => {
                    match self.take(view.seen.as_ref(), handover).await {
                        Ok(won) => return won,
                        Err(error) => {
                            tracing::warn!(error = %Causes(&error), "the lease was not taken");
                            // Either the watch is about to tell of a change, or the server is in trouble.
                            pause = Instant::now() + self.retry();
                            Some(pause)
                        }
                    }
                }
                Some(Claim::Take { .. }) => Some(pause),
                Some(Claim::Wait { until }) => Some(until),
                None => None,
            };
            self.leadership.follow(view.seen.as_ref().and_then(|seen| seen.record.holder()));
            tokio::select! {
                () = watch.next_batch(&mut signals) => {
                    let now = Instant::now();
                    signals.drain(..).for_each(|signal| view.take(signal, now));
                }
                () = at(wake) => {}
            }
        }
    }

    /// Tries to take the Lease as seen. The handover counts from the first try: an answer may get lost, and then the
    /// Lease is found to be ours without another's writes having ended.
    async fn take(&mut self, seen: Option<&Sighting>, handover: Duration) -> Result<Won, StoreError> {
        let sent = Instant::now();
        self.not_before = self.not_before.max(sent + handover);
        let taking = async {
            match seen {
                Some(seen) => self.store.take(&seen.record).await,
                None => self.store.create().await,
            }
        };
        let record = timeout(self.store.settings.renew_every, taking).await.map_err(|_| StoreError::Slow)??;
        Ok(Won { record, sent })
    }

    /// Frees the Lease once no write is in flight; leaves it to expire if some write does not end.
    async fn release(&self, held: ResourceVersion) {
        let settings = &self.store.settings;
        if timeout(settings.handover, self.leadership.resign()).await.is_err() {
            tracing::warn!("a write does not end: the lease is left to expire");
            return;
        }
        let mut released = self.store.release(held).await;
        // Somebody may have edited its labels since we renewed it.
        if matches!(released, Err(StoreError::Changed))
            && let Some(held) = self.still_ours().await
        {
            released = self.store.release(held).await;
        }
        match released {
            Ok(_) => tracing::info!("the lease is released"),
            Err(error) => {
                tracing::warn!(error = %Causes(&error), "the lease is not released and will expire");
            }
        }
    }

    fn retry(&self) -> Duration {
        RETRY.min(self.store.settings.renew_every / 5)
    }
}

async fn at(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
