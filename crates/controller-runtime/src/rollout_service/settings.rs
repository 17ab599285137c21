//! What can be configured of `RolloutService`.

use std::time::Duration;

use chassis::Period;
use chassis::access::Account;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rollout service: how far each run is, and why it does not go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How often a watch on which nothing changes is told so. Clients call what they know unknown when they hear nothing for
    /// some 30 s.
    pub heartbeat: Period<100, 10_000>,
    /// How long a watch lasts, give or take a quarter. Clients then resume it, on another replica if there is one.
    pub watch_age: Period<1_000, 86_400_000>,
    /// Accounts, as NAMESPACE/NAME, that may ask.
    pub readers: Vec<Account>,
}

/// The least time between two messages of a watch: changes that come faster are sent together.
pub(super) const PACE: Duration = Duration::from_millis(50);

/// Rows in one message. The largest, a rollout of 100 waves, has about 8 KB: far below the 4 MiB that clients take.
pub(super) const BATCH: usize = 200;

impl Default for Settings {
    fn default() -> Self {
        let account = |name| Account::new(api::rbac::NAMESPACE, name).ok();
        Self {
            heartbeat: Period::of_millis::<5_000>(),
            watch_age: Period::of_millis::<600_000>(),
            readers: ["appset-controller", "daemon-updater", "drover-admin"].into_iter().filter_map(account).collect(),
        }
    }
}
