//! How a run is to go: budgets, policies and timings, parsed. Meanings and defaults are those of rollouts.md.

mod dependency;
mod selector;
mod waves;
mod windows;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use dependency::{Dependency, Scope};
pub use selector::{PoolLabels, Selector};
pub use waves::{Approval, OnInconclusive, Wave, Waves, WavesError};
pub use windows::{Effect, Openness, Window, WindowError};

/// A number of units, or a share of a number of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Amount {
    /// So many units.
    Count(u32),
    /// So many per cent of the units in question.
    Percent(u32),
}

impl Amount {
    /// The budget that this amount allows over `base` units: percent rounds up and is at least 1, so that a small fleet
    /// moves at all; an integer is meant as given; 0 stops.
    pub fn allowed(self, base: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(0) => 0,
            Self::Percent(percent) => share(base, percent).max(1),
        }
    }

    /// The tolerance that this amount gives over `base` units: percent rounds up, of nothing it is nothing.
    pub fn tolerated(self, base: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => share(base, percent),
        }
    }
}

/// How fast a run may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlowStart {
    /// Unsettled units never exceed the settled ones (or `min_observed` at first).
    Doubling,
    /// Only budgets limit.
    None,
}

/// What ends a run that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureAction {
    /// Halt, and wait for a human or a new revision.
    Pause,
    /// Go back to the last Completed revision.
    Rollback,
}

/// What becomes of nodes that were offline while their wave ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// They are upgraded when they return.
    Always,
    /// They are upgraded when they return, inside windows.
    InWindow,
    /// They stay as they are.
    Never,
}

/// One run's rules. A target without a strategy gets the implied one: a single wave of all pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategy {
    /// Of the reachable units, how many may be down at once.
    pub max_unavailable: Amount,
    /// How fast the run grows.
    pub slow_start: SlowStart,
    /// Of a pool's reachable units, how many may be down at once; `None`: no budget of its own.
    pub max_unavailable_per_pool: Option<Amount>,
    /// A unit must be Ready so long before it counts as settled (see [`Timing::settle`]).
    pub min_ready: SignedDuration,
    /// A unit that has not settled so long after activation, its node being Ready, has failed.
    pub progress_deadline: SignedDuration,
    /// Of the units updated so far, how many may fail.
    pub max_failures: Amount,
    /// No verdict on fewer units.
    pub min_observed: u32,
    /// A node that is lost so soon after its unit first became Ready may have been lost to the release.
    pub exposure: SignedDuration,
    /// How many healthy runs of a thousand the node-loss tests may halt.
    pub false_halt_per_mille: u32,
    /// What a failure leads to.
    pub action: FailureAction,
    /// What becomes of nodes that were offline.
    pub catch_up: CatchUp,
    /// Budget of catching up, nested in the others.
    pub catch_up_max_unavailable: Amount,
    /// In which order pools get the revision.
    pub waves: Waves,
    /// When restarts may start; none: always.
    pub windows: Vec<Window>,
    /// What must be up to date before a pool gets its turn.
    pub depends_on: Vec<Dependency>,
}

impl Strategy {
    /// The strategy of a target that names none: one wave of all pools, this budget, no minReadySeconds beyond the
    /// DaemonSet's own, and rollouts.md's values for the rest.
    pub fn implied(max_unavailable: Amount) -> Self {
        Self {
            max_unavailable,
            slow_start: SlowStart::Doubling,
            max_unavailable_per_pool: None,
            min_ready: SignedDuration::ZERO,
            progress_deadline: SignedDuration::from_secs(1800),
            max_failures: Amount::Percent(5),
            min_observed: 3,
            exposure: SignedDuration::from_secs(600),
            false_halt_per_mille: 10,
            action: FailureAction::Pause,
            catch_up: CatchUp::Always,
            catch_up_max_unavailable: Amount::Percent(10),
            waves: Waves::one(),
            windows: Vec::new(),
            depends_on: Vec::new(),
        }
    }
}

/// Durations that depend on the cluster rather than on a release. All are configuration, so that tests, demo and
/// benchmarks can be short and say so; the defaults are rollouts.md's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// A node is reachable after being Ready so long without a break.
    pub reachable_after: SignedDuration,
    /// The cluster's `--node-monitor-grace-period`: so late Kubernetes reports a dead node.
    pub node_monitor_grace: SignedDuration,
    /// Added to the grace period before a success is believed.
    pub settle_margin: SignedDuration,
    /// How long a lost node that was exposed keeps its slot.
    pub brake: SignedDuration,
    /// Losses of one pool within it are looked at together.
    pub loss_window: SignedDuration,
    /// So long after being lost, exposed nodes count as gone for good.
    pub backstop: SignedDuration,
    /// A crash loop or pull error that stands so long is a failure.
    pub failed_after: SignedDuration,
    /// A pod that Kubernetes has not replaced so long after it went, its node being Ready, will not be replaced.
    pub replacement_after: SignedDuration,
    /// A watch that showed neither event nor bookmark for so long is not believed.
    pub watch_stale: SignedDuration,
    /// A hold that does not end by itself is announced again after it.
    pub escalate_after: SignedDuration,
}

impl Default for Timing {
    fn default() -> Self {
        let secs = SignedDuration::from_secs;
        Self {
            reachable_after: secs(60),
            node_monitor_grace: secs(50),
            settle_margin: secs(10),
            brake: secs(300),
            loss_window: secs(60),
            backstop: secs(900),
            failed_after: secs(300),
            replacement_after: secs(60),
            watch_stale: secs(90),
            escalate_after: SignedDuration::from_hours(24),
        }
    }
}

impl Timing {
    /// How long a unit must be Ready before it is settled: the longest of the DaemonSet's minReadySeconds, the strategy's,
    /// and the time that Kubernetes takes to report a dead node plus a margin. Only then does success mean something.
    pub fn settle(&self, min_ready: SignedDuration, strategy: &Strategy) -> SignedDuration {
        min_ready.max(strategy.min_ready).max(self.node_monitor_grace + self.settle_margin)
    }
}

fn share(base: u32, percent: u32) -> u32 {
    let share = (u64::from(base) * u64::from(percent)).div_ceil(100);
    u32::try_from(share).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_round_up_and_zero_stops() {
        for (amount, base, allowed, tolerated) in [
            (Amount::Percent(10), 30, 3, 3),
            (Amount::Percent(10), 31, 4, 4),
            (Amount::Percent(10), 0, 1, 0),
            (Amount::Percent(0), 30, 0, 0),
            (Amount::Percent(100), u32::MAX, u32::MAX, u32::MAX),
            (Amount::Count(0), 30, 0, 0),
            (Amount::Count(5), 3, 5, 5),
        ] {
            assert_eq!((amount.allowed(base), amount.tolerated(base)), (allowed, tolerated), "{amount:?} of {base}");
        }
    }

    #[test]
    fn settling_outlasts_the_report_of_a_dead_node() {
        let (timing, strategy) = (Timing::default(), Strategy::implied(Amount::Percent(10)));
        assert_eq!(timing.settle(SignedDuration::ZERO, &strategy), SignedDuration::from_secs(60));
        assert_eq!(timing.settle(SignedDuration::from_secs(90), &strategy), SignedDuration::from_secs(90));
    }
}
