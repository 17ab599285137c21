//! What daemon-updater can be told.

use std::time::Duration;

use api::amount::IntOrPercent;
use api::fleet_rollout::strategy::{FailurePolicy, NodeLoss, SlowStart, Strategy, UnitPolicy};
use chassis::workers::WorkerSetting;
use chassis::{About, Flag, Period, Refused, ServiceConfig};
use controller_runtime::client::Kube;
use controller_runtime::lease::{Lease, YurtManager};
use controller_runtime::rollout_service::Settings as RolloutService;
use planner::strategy as plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One day, in milliseconds.
const DAY: u64 = 86_400_000;

/// Everything daemon-updater can be told, beside what every service can.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Config {
    /// How many DaemonSets are worked on at once: 1 to 256, or auto. AdminService.SetWorkers changes it at run time.
    pub workers: WorkerSetting,
    /// How many deletes may be under way at once, of all DaemonSets.
    #[schemars(range(min = 1, max = 256))]
    pub deletes_at_once: u16,
    /// The API server.
    pub kube: Kube,
    /// The election of the one replica that acts.
    pub lease: Lease,
    /// Durations that depend on the cluster.
    pub timing: Timing,
    /// The rules of a DaemonSet that names no strategy; its budget comes from its annotation.
    pub rollout: Rollout,
    /// OpenYurt's own manager, which upgrades the same DaemonSets while it lives.
    pub yurt_manager: YurtManager,
    /// Other services of Drover, where strategies depend on what they drive.
    pub peers: Peers,
    /// `RolloutService`: how far each run is, and why it does not go on.
    pub rollout_service: RolloutService,
}

/// Durations that depend on the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// A node is reachable after being Ready so long without a break.
    pub reachable_after: Period<0, DAY>,
    /// The cluster's --node-monitor-grace-period: so late Kubernetes reports a dead node.
    pub node_monitor_grace: Period<0, DAY>,
    /// Added to the grace period before a success is believed.
    pub settle_margin: Period<0, DAY>,
    /// How long a lost node that may have been lost to the release keeps its slot.
    pub brake: Period<0, DAY>,
    /// Losses of one pool within it are looked at together.
    pub loss_window: Period<0, DAY>,
    /// So long after being lost, a node counts as gone for good.
    pub backstop: Period<0, DAY>,
    /// A crash loop or pull error that stands so long is a failure.
    pub failed_after: Period<0, DAY>,
    /// A deleted pod that Kubernetes has not replaced after so long, its node being Ready, halts the run.
    pub replacement_after: Period<0, DAY>,
    /// A watch that showed neither event nor bookmark for so long is not believed. Bookmarks come about every minute.
    pub watch_stale: Period<1_000, DAY>,
    /// A hold that does not end by itself is announced again after it.
    pub escalate_after: Period<1_000, { 365 * DAY }>,
}

/// The rules of a DaemonSet that names no strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Doubling: units under way never exceed those that settled. None: only budgets limit.
    pub slow_start: SlowStart,
    /// A unit that has not settled so long after its restart, its node being Ready, has failed.
    pub progress_deadline: Period<1_000, DAY>,
    /// A node that is lost so soon after its pod first became Ready may have been lost to the release.
    pub exposure: Period<0, DAY>,
    /// No verdict on fewer units.
    #[schemars(range(min = 1, max = 1_000))]
    pub min_observed: u16,
    /// Of the units updated so far, how many may fail: an integer or a percentage.
    pub max_failures: IntOrPercent,
    /// How many healthy runs of a thousand the node-loss tests may halt.
    #[schemars(range(min = 1, max = 1_000))]
    pub false_halt_per_mille: u16,
}

/// Other services of Drover.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// appset-controller (peer.address is its URL): how far YurtAppSets are. Not set, it is not known, and what depends on a
    /// YurtAppSet waits.
    pub appset_controller: Option<rollouts::Settings>,
}

impl ServiceConfig for Config {
    const ABOUT: About = About {
        service: "daemon-updater",
        version: env!("CARGO_PKG_VERSION"),
        summary: "Upgrades DaemonSets past nodes that are offline.",
    };

    const FLAGS: &'static [Flag] = &[
        Flag {
            name: "workers",
            aliases: &["daemonpodupdater-workers", "concurrent-daemonpod-updater-workers"],
            key: "workers",
            help: "How many DaemonSets are worked on at once: 1 to 256, or auto",
        },
        Flag { name: "kubeconfig", aliases: &[], key: "kube.kubeconfig", help: "Kubeconfig file" },
    ];

    fn check(&self) -> Result<(), Refused> {
        self.lease.check(self.kube.write_timeout.get())
    }
}

impl Timing {
    /// The planner's timings.
    pub fn plan(&self) -> plan::Timing {
        plan::Timing {
            reachable_after: self.reachable_after.signed(),
            node_monitor_grace: self.node_monitor_grace.signed(),
            settle_margin: self.settle_margin.signed(),
            brake: self.brake.signed(),
            loss_window: self.loss_window.signed(),
            backstop: self.backstop.signed(),
            failed_after: self.failed_after.signed(),
            replacement_after: self.replacement_after.signed(),
            watch_stale: self.watch_stale.signed(),
            escalate_after: self.escalate_after.signed(),
        }
    }
}

impl Rollout {
    /// The strategy of a target that names none, under this budget.
    pub fn implied(&self, budget: plan::Amount) -> Strategy {
        let seconds = |period: Duration| u32::try_from(period.as_secs()).unwrap_or(u32::MAX);
        let implied = Strategy::implied(budget);
        Strategy {
            slow_start: Some(self.slow_start),
            unit: UnitPolicy { progress_deadline_seconds: seconds(self.progress_deadline.get()), ..implied.unit },
            failure_policy: FailurePolicy {
                max_failures: self.max_failures,
                min_observed: u32::from(self.min_observed),
                node_loss: NodeLoss {
                    exposure_seconds: seconds(self.exposure.get()),
                    false_halt_per_mille: u32::from(self.false_halt_per_mille),
                },
                ..implied.failure_policy
            },
            ..implied
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: WorkerSetting::default(),
            deletes_at_once: 16,
            kube: Kube::default(),
            lease: Lease::named(api::names::DAEMON_UPDATER),
            timing: Timing::default(),
            rollout: Rollout::default(),
            yurt_manager: YurtManager::default(),
            peers: Peers::default(),
            rollout_service: RolloutService::default(),
        }
    }
}

impl Default for Timing {
    /// Those of rollouts.md; see [`planner::strategy::Timing`].
    fn default() -> Self {
        Self {
            reachable_after: Period::of_millis::<60_000>(),
            node_monitor_grace: Period::of_millis::<50_000>(),
            settle_margin: Period::of_millis::<10_000>(),
            brake: Period::of_millis::<300_000>(),
            loss_window: Period::of_millis::<60_000>(),
            backstop: Period::of_millis::<900_000>(),
            failed_after: Period::of_millis::<300_000>(),
            replacement_after: Period::of_millis::<60_000>(),
            watch_stale: Period::of_millis::<90_000>(),
            escalate_after: Period::of_millis::<DAY>(),
        }
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            slow_start: SlowStart::Doubling,
            progress_deadline: Period::of_millis::<1_800_000>(),
            exposure: Period::of_millis::<600_000>(),
            min_observed: 3,
            max_failures: IntOrPercent(plan::Amount::Percent(5)),
            false_halt_per_mille: 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_planners() {
        let config = Config::default();
        assert_eq!(config.timing.plan(), plan::Timing::default());
        let budget = plan::Amount::Percent(25);
        assert_eq!(plan::Strategy::try_from(&config.rollout.implied(budget)), Ok(plan::Strategy::implied(budget)));
        assert_eq!(config.check(), Ok(()));
    }
}
