//! How an election is timed.

use std::time::Duration;

/// Which Lease, and its timing. Every replica of a service must use the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSettings {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// How long it holds after a renewal. Written to the Lease in whole seconds, rounded up.
    pub duration: Duration,
    /// How often the leader renews it.
    pub renew_every: Duration,
    /// How long before its expiry the leader stops: clocks that run at different speeds (in 15 s under a
    /// millisecond) and a leader that checks, is paused, and then sends.
    pub margin: Duration,
    /// How long who takes an expired Lease waits before it acts: the client's write time-out.
    pub handover: Duration,
}

/// Settings that cannot keep a lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseSettingsError {
    /// Namespace or name is empty.
    #[error("the lease needs a namespace and a name")]
    Unnamed,
    /// Kubernetes keeps whole seconds from 1.
    #[error("lease duration {} ms: at least 1 s", .0.as_millis())]
    Duration(Duration),
    /// The leader could not try twice in time.
    #[error(
        "lease renewal every {} ms leaves no second try in the {} ms from renewal to margin",
        renew_every.as_millis(), usable.as_millis()
    )]
    Renewal {
        /// As set.
        renew_every: Duration,
        /// Duration less margin.
        usable: Duration,
    },
}

impl LeaseSettings {
    /// client-go's usual 15 s, a renewal every 5 s, a margin of 2 s, and the default write time-out of 10 s.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            duration: Duration::from_secs(15),
            renew_every: Duration::from_secs(5),
            margin: Duration::from_secs(2),
            handover: Duration::from_secs(10),
        }
    }

    /// Checks that the leader can renew twice before it must stop.
    pub fn validate(&self) -> Result<(), LeaseSettingsError> {
        if self.namespace.is_empty() || self.name.is_empty() {
            return Err(LeaseSettingsError::Unnamed);
        }
        if self.duration < Duration::from_secs(1) {
            return Err(LeaseSettingsError::Duration(self.duration));
        }
        let usable = self.duration.saturating_sub(self.margin);
        if self.renew_every.is_zero() || self.renew_every * 2 > usable {
            return Err(LeaseSettingsError::Renewal { renew_every: self.renew_every, usable });
        }
        Ok(())
    }

    /// Seconds for the Lease: rounded up, so that nobody takes it before its leader has stopped.
    pub(super) fn duration_seconds(&self) -> i32 {
        let seconds = self.duration.as_secs() + u64::from(self.duration.subsec_nanos() > 0);
        i32::try_from(seconds).unwrap_or(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_must_be_renewable_twice() {
        let settings = LeaseSettings::new("ns", "drover");
        assert_eq!(settings.validate(), Ok(()));
        let short =
            LeaseSettings { duration: Duration::from_secs(3), renew_every: Duration::from_secs(1), ..settings.clone() };
        assert!(short.validate().unwrap_err().to_string().contains("no second try in the 1000 ms"));
        let short = LeaseSettings { margin: Duration::from_millis(500), ..short };
        assert_eq!(short.validate(), Ok(()));
        assert_eq!(
            LeaseSettings { name: String::new(), ..settings.clone() }.validate(),
            Err(LeaseSettingsError::Unnamed)
        );
        let none = LeaseSettings { duration: Duration::from_millis(900), ..settings };
        assert!(matches!(none.validate(), Err(LeaseSettingsError::Duration(_))));
    }

    #[test]
    fn seconds_are_rounded_up() {
        let mut settings = LeaseSettings::new("ns", "drover");
        settings.duration = Duration::from_millis(2500);
        assert_eq!(settings.duration_seconds(), 3);
        settings.duration = Duration::from_secs(4);
        assert_eq!(settings.duration_seconds(), 4);
    }
}
