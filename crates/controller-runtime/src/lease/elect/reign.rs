//! From winning the Lease to losing it or giving it back.

use super::{LeaseElection, Won};
use crate::{
    causes::Causes,
    lease::{leadership::Tenure, store::StoreError},
    watch::ResourceVersion,
};
use std::pin::pin;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// How leading ended.
pub(super) enum Ended {
    /// The Lease may be another's.
    Lost,
    /// We are to stop; it is still ours, as of this version.
    Stopped(ResourceVersion),
}

/// What is known of the Lease that we hold.
struct Reign {
    term: u64,
    held: ResourceVersion,
    /// Permits end then.
    until: Instant,
    /// When to renew it.
    next: Instant,
    /// `LeaderState::Leading` was published.
    acts: bool,
}

impl LeaseElection {
    /// Renews the Lease for as long as that succeeds in time.
    pub(super) async fn lead(&self, won: Won, stop: &CancellationToken) -> Ended {
        let Won { record, sent } = won;
        let mut reign = Reign {
            term: record.spec.lease_transitions.unwrap_or(0) + 1,
            held: record.metadata.resource_version,
            until: self.ends(sent),
            next: sent + self.store.settings.renew_every,
            acts: false,
        };
        self.leadership.prepare(Tenure { term: reign.term, from: self.not_before, until: reign.until });
        loop {
            if let Err(ended) = self.hold(&mut reign, stop).await {
                return ended;
            }
        }
    }

    /// Holds the Lease until it is renewed or a renewal has failed; the error is the end.
    async fn hold(&self, reign: &mut Reign, stop: &CancellationToken) -> Result<(), Ended> {
        let mut renewing = pin!(self.renew(reign.held, reign.next));
        let renewed = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    // A renewal under way decides with which version the Lease is released.
                    let under_way = Instant::now() >= reign.next;
                    let renewed = if under_way { renewing.await.ok() } else { None };
                    return Err(Ended::Stopped(renewed.map_or(reign.held, |(held, _)| held)));
                }
                // Before the renewal: one that wakes from SIGSTOP must not renew what it lost.
                () = sleep_until(reign.until) => return Err(Ended::Lost),
                () = sleep_until(self.not_before), if !reign.acts => {
                    reign.acts = true;
                    self.leadership.lead(reign.term);
                }
                renewed = &mut renewing => break renewed,
            }
        };
        match renewed {
            Ok((held, sent)) => {
                reign.held = held;
                reign.until = self.ends(sent);
                reign.next = sent + self.store.settings.renew_every;
                self.leadership.extend(reign.until);
            }
            Err(error) => {
                self.metrics.failed_renewals.inc();
                tracing::warn!(error = %Causes(&error), "the lease was not renewed");
                reign.next = Instant::now() + self.retry();
                if matches!(error, StoreError::Changed) {
                    reign.held = self.still_ours().await.ok_or(Ended::Lost)?;
                }
            }
        }
        Ok(())
    }

    /// Renews at the given time, and gives up in time for a second try. Returns when the renewal was sent.
    async fn renew(&self, held: ResourceVersion, when: Instant) -> Result<(ResourceVersion, Instant), StoreError> {
        sleep_until(when).await;
        let sent = Instant::now();
        let renewed = timeout(self.store.settings.renew_every, self.store.renew(held)).await;
        let record = renewed.map_err(|_| StoreError::Slow)??;
        Ok((record.metadata.resource_version, sent))
    }

    /// The Lease's version, if it changed and we still hold it: a renewal's answer was lost, or somebody edited its
    /// labels. Only we write our identity, so nobody else has held it meanwhile.
    pub(super) async fn still_ours(&self) -> Option<ResourceVersion> {
        let looked = timeout(self.store.settings.renew_every, self.store.look()).await.ok()?;
        let record = looked.ok()?.filter(|record| record.holder() == Some(&self.store.identity))?;
        Some(record.metadata.resource_version)
    }

    fn ends(&self, sent: Instant) -> Instant {
        sent + self.store.settings.duration.saturating_sub(self.store.settings.margin)
    }
}
