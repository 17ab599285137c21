//! What of a Lease matters, and when we saw it.

use crate::watch::{ResourceVersion, Versioned};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::Instant;

/// The Lease's duration where it names none; the API allows that.
const ASSUMED_SECONDS: i32 = 15;

/// A Lease, slim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct LeaseRecord {
    pub(super) metadata: LeaseMetadata,
    #[serde(default)]
    pub(super) spec: LeaseSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeaseMetadata {
    pub(super) resource_version: ResourceVersion,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeaseSpec {
    pub(super) holder_identity: Option<String>,
    pub(super) lease_duration_seconds: Option<i32>,
    pub(super) lease_transitions: Option<u64>,
    /// As written. Only its change means anything: the clock that wrote it is not ours.
    pub(super) renew_time: Option<String>,
}

/// A Lease and the moment from which it has looked to us as it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) record: LeaseRecord,
    /// When its holder or renewal time was last seen to change.
    pub(super) since: Instant,
}

impl Versioned for LeaseRecord {
    fn resource_version(&self) -> ResourceVersion {
        self.metadata.resource_version
    }
}

impl LeaseRecord {
    /// Who holds it; none when it was released.
    pub(super) fn holder(&self) -> Option<&str> {
        self.spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    pub(super) fn duration(&self) -> Duration {
        let seconds = self.spec.lease_duration_seconds.unwrap_or(ASSUMED_SECONDS);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }
}

impl Sighting {
    /// What is known after seeing `record` now, given what was known before. An edit of labels renews nothing.
    pub(super) fn after(before: Option<Self>, record: LeaseRecord, now: Instant) -> Self {
        let since = match before {
            Some(before) if before.record.spec == record.spec => before.since,
            Some(_) | None => now,
        };
        Self { record, since }
    }

    /// When it expires by our clock, if it is held and nothing more is seen.
    pub(super) fn expires(&self) -> Instant {
        self.since + self.record.duration()
    }
}

#[cfg(test)]
pub(super) fn lease(version: u64, holder: &str, seconds: i32, renewed: &str) -> LeaseRecord {
    let spec = LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(seconds),
        lease_transitions: Some(4),
        renew_time: Some(renewed.to_owned()),
    };
    LeaseRecord { metadata: LeaseMetadata { resource_version: ResourceVersion(version) }, spec }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_changed_spec_counts_as_a_renewal() {
        let start = Instant::now();
        let later = start + Duration::from_secs(3);
        let first = Sighting::after(None, lease(1, "a", 5, "t1"), start);
        let labelled = Sighting::after(Some(first.clone()), lease(2, "a", 5, "t1"), later);
        assert_eq!(labelled.expires(), start + Duration::from_secs(5));
        assert_eq!(labelled.record.resource_version(), ResourceVersion(2));
        let renewed = Sighting::after(Some(first), lease(3, "a", 5, "t2"), later);
        assert_eq!(renewed.expires(), later + Duration::from_secs(5));
    }

    #[test]
    fn a_lease_is_read_as_the_api_writes_it() {
        let text = r#"{"kind":"Lease","metadata":{"name":"x","resourceVersion":"12"},
            "spec":{"holderIdentity":"","leaseDurationSeconds":7,"renewTime":"2026-01-01T00:00:00.000000Z","leaseTransitions":3}}"#;
        let record: LeaseRecord = serde_json::from_str(text).unwrap();
        assert_eq!((record.holder(), record.duration().as_secs()), (None, 7));
        let bare: LeaseRecord = serde_json::from_str(r#"{"metadata":{"resourceVersion":"1"}}"#).unwrap();
        assert_eq!((bare.holder(), bare.duration().as_secs()), (None, 15));
    }
}
