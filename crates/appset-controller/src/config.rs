//! What appset-controller can be told.

use chassis::workers::WorkerSetting;
use chassis::{About, Flag, Period, Refused, ServiceConfig};
use controller_runtime::client::Kube;
use controller_runtime::lease::{Lease, YurtManager};
use controller_runtime::rollout_service::Settings as RolloutService;
use jiff::SignedDuration;
use planner::strategy as plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::OnRefusal;

/// One day, in milliseconds.
const DAY: u64 = 86_400_000;

/// Everything appset-controller can be told, beside what every service can.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Config {
    /// How many YurtAppSets are worked on at once: 1 to 256, or auto. AdminService.SetWorkers changes it at run time.
    pub workers: WorkerSetting,
    /// How many workloads may be written at once, of all YurtAppSets.
    #[schemars(range(min = 1, max = 256))]
    pub writes_at_once: u16,
    /// The API server.
    pub kube: Kube,
    /// The election of the one replica that acts.
    pub lease: Lease,
    /// What becomes of a YurtAppSet that the API server refuses in some of its pools.
    pub refusals: Refusals,
    /// How many workloads are deleted.
    pub deletions: Deletions,
    /// Durations that depend on the cluster.
    pub timing: Timing,
    /// OpenYurt's own manager, which drives the same YurtAppSets while it lives.
    pub yurt_manager: YurtManager,
    /// Other services of Drover, where strategies depend on what they drive.
    pub peers: Peers,
    /// `RolloutService`: how far each run is, and why it does not go on.
    pub rollout_service: RolloutService,
}

/// What becomes of a YurtAppSet that the API server refuses in some of its pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusals {
    /// What waits: all of its pools, or only those in which it is refused.
    pub hold: OnRefusal,
}

/// How many workloads are deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deletions {
    /// Of a YurtAppSet's workloads, how many per cent may be deleted within a minute because their pools are not chosen any more; at
    /// least one. 0 deletes none.
    #[schemars(range(min = 0, max = 100))]
    pub percent_per_minute: u8,
}

/// Durations that depend on the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// A pool is reachable after one of its nodes was so long without a break.
    pub reachable_after: Period<0, DAY>,
    /// Added to the strategy's minReadySeconds before a pool's success is believed: how late the cluster reports a dead node, its
    /// --node-monitor-grace-period, where that is to be waited for.
    pub settle_margin: Period<0, DAY>,
    /// A workload that Kubernetes says does not get on has failed when that stands so long.
    pub failed_after: Period<0, DAY>,
    /// A watch that showed neither event nor bookmark for so long is not believed. Bookmarks come about every minute.
    pub watch_stale: Period<1_000, DAY>,
    /// A hold that does not end by itself is announced again after it.
    pub escalate_after: Period<1_000, { 365 * DAY }>,
}

/// Other services of Drover.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// daemon-updater (peer.address is its URL): how far DaemonSets are. Not set, it is not known, and what depends on a DaemonSet
    /// waits.
    pub daemon_updater: Option<rollouts::Settings>,
    /// leader-endpoints-controller (peer.address is its URL): which pools are reachable. While it is silent nothing starts. Not set,
    /// the status of NodePools says so.
    pub topology: Option<topology::Settings>,
}

impl ServiceConfig for Config {
    const ABOUT: About = About {
        service: "appset-controller",
        version: env!("CARGO_PKG_VERSION"),
        summary: "Runs one application in many node pools, each with a workload of its own.",
    };

    const FLAGS: &'static [Flag] = &[
        Flag {
            name: "workers",
            aliases: &["concurrent-yurtappset-workers"],
            key: "workers",
            help: "How many YurtAppSets are worked on at once: 1 to 256, or auto",
        },
        Flag { name: "kubeconfig", aliases: &[], key: "kube.kubeconfig", help: "Kubeconfig file" },
    ];

    fn check(&self) -> Result<(), Refused> {
        self.lease.check(self.kube.write_timeout.get())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: WorkerSetting::default(),
            writes_at_once: 16,
            kube: Kube::default(),
            lease: Lease::named(crate::FIELD_MANAGER),
            refusals: Refusals { hold: OnRefusal::default() },
            deletions: Deletions { percent_per_minute: 10 },
            timing: Timing::default(),
            yurt_manager: YurtManager::default(),
            peers: Peers::default(),
            rollout_service: RolloutService::default(),
        }
    }
}

impl Timing {
    /// The planner's timings; those about nodes are not asked for.
    pub fn plan(&self) -> plan::Timing {
        plan::Timing {
            reachable_after: self.reachable_after.signed(),
            node_monitor_grace: SignedDuration::ZERO,
            settle_margin: self.settle_margin.signed(),
            failed_after: self.failed_after.signed(),
            watch_stale: self.watch_stale.signed(),
            escalate_after: self.escalate_after.signed(),
            ..plan::Timing::default()
        }
    }
}

impl Default for Timing {
    /// A workload counts only pods that Kubernetes says are available, so that nothing is added; the rest as in rollouts.md.
    fn default() -> Self {
        Self {
            reachable_after: Period::of_millis::<0>(),
            settle_margin: Period::of_millis::<0>(),
            failed_after: Period::of_millis::<300_000>(),
            watch_stale: Period::of_millis::<90_000>(),
            escalate_after: Period::of_millis::<DAY>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_pass() {
        assert_eq!(Config::default().check(), Ok(()));
    }
}
