//! The election, as a section of configuration.

use std::time::Duration;

use chassis::{Period, Refused};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LeaseSettings;

/// The election of the one replica that acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// How long the Lease holds after a renewal.
    pub duration: Period<1_000, 600_000>,
    /// How often the leader renews it.
    pub renew_every: Period<100, 60_000>,
    /// How long before its expiry the leader stops.
    pub margin: Period<0, 60_000>,
}

impl Lease {
    /// The Lease of this name in Drover's namespace, with client-go's usual 15 s.
    pub fn named(name: &str) -> Self {
        Self {
            namespace: api::rbac::NAMESPACE.to_owned(),
            name: name.to_owned(),
            duration: Period::of_millis::<15_000>(),
            renew_every: Period::of_millis::<5_000>(),
            margin: Period::of_millis::<2_000>(),
        }
    }

    /// The election's settings, where a write may take so long.
    pub fn settings(&self, write_timeout: Duration) -> LeaseSettings {
        LeaseSettings {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            duration: self.duration.get(),
            renew_every: self.renew_every.get(),
            margin: self.margin.get(),
            handover: write_timeout,
        }
    }

    /// Refuses, as the key `lease`, what cannot keep a Lease.
    pub fn check(&self, write_timeout: Duration) -> Result<(), Refused> {
        self.settings(write_timeout).validate().map_err(|error| Refused {
            key: "lease",
            value: format!("{:?}", self.duration.get()),
            allowed: format!("a lease that can be renewed twice in time ({error})"),
        })
    }
}
