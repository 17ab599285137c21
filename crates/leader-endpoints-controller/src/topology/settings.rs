//! What can be configured of `TopologyService`.

use std::time::Duration;

use chassis::Period;
use chassis::access::Account;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The topology service: who is in which pool, and who is reachable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How often a watch on which nothing changes is told so. Clients call what they know unknown when they hear nothing for
    /// some 30 s.
    pub heartbeat: Period<100, 10_000>,
    /// How long a watch lasts, give or take a quarter. Clients then resume it, on another replica if there is one.
    pub watch_age: Period<1_000, 86_400_000>,
    /// Accounts, as NAMESPACE/NAME, that see the whole fleet though their tokens are bound to a node, as those of all pods are.
    /// Every other caller with such a token sees the pool of its node only.
    pub fleet_accounts: Vec<Account>,
}

/// The least time between two messages of a watch: changes that come faster are sent together. Half of what would be noticed
/// (a change is to reach 2,000 watches within 200 ms), with room for the work of sending.
pub(super) const PACE: Duration = Duration::from_millis(20);

/// Changes in one message: about 30 KiB of nodes, which is what HTTP/2's first window lets through at once.
pub(super) const BATCH: usize = 500;

impl Default for Settings {
    fn default() -> Self {
        let account = |name| Account::new(api::rbac::NAMESPACE, name).ok();
        let services = ["appset-controller", "drover-admin", "workload-spread-controller"];
        Self {
            heartbeat: Period::of_millis::<5_000>(),
            watch_age: Period::of_millis::<600_000>(),
            fleet_accounts: services.into_iter().filter_map(account).collect(),
        }
    }
}
