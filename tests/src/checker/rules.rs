//! By which numbers a run is judged, and whose doings are.

use jiff::SignedDuration;
use planner::strategy::{Amount, Strategy, Timing};

/// The numbers of `design/rollouts.md` that hold for a run, as its updater was configured.
#[derive(Clone, Debug)]
pub struct Rules {
    /// A watch lags: a decision is judged by what was public this long before it, or longer where the checker's own watch was
    /// later than that.
    pub lag: SignedDuration,
    /// The durations that the updater runs with.
    pub timing: Timing,
    /// A unit that has not settled so long after its restart, its node being Ready, has failed.
    pub progress_deadline: SignedDuration,
    /// A node that leaves so soon after its new pod was first Ready counts as lost with the release.
    pub exposure: SignedDuration,
    /// How many requests an updater has under way at once: so many may still arrive when it no longer leads.
    pub in_flight: usize,
    /// Whose doings are judged.
    pub updater: Identity,
}

/// How the updater's requests are told from all others.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What its user agent begins with.
    pub agent: String,
    /// Its user.
    pub user: String,
}

impl Default for Rules {
    fn default() -> Self {
        Self::of(Timing::default())
    }
}

impl Rules {
    /// Under these durations, with the strategy of a DaemonSet that names none.
    pub fn of(timing: Timing) -> Self {
        let strategy = Strategy::implied(Amount::Percent(10));
        Self {
            lag: SignedDuration::from_millis(200),
            timing,
            progress_deadline: strategy.progress_deadline,
            exposure: strategy.exposure,
            in_flight: 0,
            updater: Identity {
                agent: "drover-daemon-updater/".to_owned(),
                user: format!("system:serviceaccount:{}:daemon-updater", api::rbac::NAMESPACE),
            },
        }
    }

    /// How long a unit must be Ready on a Ready node to count as settled.
    pub fn settle(&self, min_ready: SignedDuration) -> SignedDuration {
        min_ready.max(self.timing.node_monitor_grace + self.timing.settle_margin)
    }
}
