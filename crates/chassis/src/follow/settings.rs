//! Where a feed is served, as a section of configuration.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Period;
use crate::peer::{Peer, PeerAddress};

/// Where a feed is served, and for how long its answers are good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The service that serves it.
    pub peer: Peer,
    /// What was not confirmed for so long is unknown: nothing that depends on it starts until it is known again.
    #[serde(default = "default_unknown_after")]
    pub unknown_after: Period<1_000, 3_600_000>,
}

impl Settings {
    /// The service at an address, with the usual bound.
    pub fn at(address: PeerAddress) -> Self {
        Self { peer: Peer::at(address), unknown_after: default_unknown_after() }
    }

    /// A stream on which nothing came for so long is given up and resumed: there is time for that before the view is
    /// unknown. The server sends something every 10 s at least.
    pub fn silence(&self) -> Duration {
        self.unknown_after.get() * 2 / 3
    }
}

/// Six of the server's usual heartbeats.
fn default_unknown_after() -> Period<1_000, 3_600_000> {
    Period::of_millis::<30_000>()
}
