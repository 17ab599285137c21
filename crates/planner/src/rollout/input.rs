//! The snapshot that a plan is made from.

use jiff::{SignedDuration, Timestamp};

use super::{Facts, Hold};
use crate::fleet::{Loss, LossHistory, Name, Node, Pod};
use crate::strategy::{Strategy, Timing};

/// One snapshot of the world, taken at `now`, and the rules that hold.
#[derive(Debug)]
pub struct Input<'a> {
    /// The time of the snapshot.
    pub now: Timestamp,
    /// What a unit is.
    pub unit_kind: UnitKind,
    /// What the units are brought to.
    pub target: Target,
    /// The run's rules.
    pub strategy: &'a Strategy,
    /// The cluster's durations.
    pub timing: &'a Timing,
    /// What the user asked of this run.
    pub control: Control,
    /// Every node that is eligible or has a pod of the DaemonSet, sorted by name.
    pub units: &'a [Unit<'a>],
    /// The losses since the run was last planned, oldest first.
    pub losses: &'a [LossSeen],
    /// The losses of the last day, by node.
    pub history: &'a LossHistory,
    /// Whether the view can be believed.
    pub view: View,
    /// A reason from outside the run to start nothing.
    pub held: Option<Hold>,
    /// What the strategy asks of the world beyond nodes and pods.
    pub facts: Facts<'a>,
}

/// What a unit of a run is. The rules are the same but for what belongs to one of them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitKind {
    /// A node, with a pod that Drover restarts.
    Node,
    /// A pool, with a workload whose pods Kubernetes moves once it has the revision: a node of the pool's name, with one pod that
    /// stands for the workload (`Running` once it is rolled out).
    ///
    /// A pool that failed frees its slot at once, so that it never stops the pools of its own wave; those of later waves are told
    /// its name. A wave succeeds on one reachable pool, but not if none has settled: a canary that proves nothing releases nothing. A workload
    /// that went back to an older revision is a candidate anew. A pool that was lost in flight goes on when it is back.
    Pool,
}

/// The DaemonSet's newest revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The value of `controller-revision-hash` of the newest ControllerRevision.
    pub revision: Name,
    /// `observedGeneration` has caught up, so this is the newest revision. Until then nothing is restarted.
    pub observed: bool,
    /// All revisions of the DaemonSet that are known. A pod of another one may be newer than what is known: it is left alone.
    pub known: Vec<Name>,
    /// The DaemonSet never had another revision: its pods did not "take the newest without us".
    pub first: bool,
    /// `spec.minReadySeconds` of the DaemonSet.
    pub min_ready: SignedDuration,
}

/// What a user may ask of a run, from FleetRollout's spec.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// Go, pause or stop for good.
    pub desired: DesiredState,
    /// Equal to the halt's token: go on after that halt.
    pub resume_token: String,
    /// `spec.promotedThrough`: the rest of the soak of waves up to and including this one is skipped, and those go on that no pool is
    /// left of.
    pub promoted_through: String,
}

/// `spec.desiredState`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DesiredState {
    /// Go on.
    #[default]
    Running,
    /// Start nothing until it is Running again.
    Paused,
    /// Start nothing any more.
    Aborted,
}

/// A node and the target's pods on it.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// The node.
    pub node: &'a Node,
    /// The pods that the DaemonSet controls on it, terminating ones included.
    pub pods: &'a [Pod],
    /// The newest template may run on it.
    pub eligible: bool,
    /// Another DaemonSet's restart is under way on it.
    pub claimed: bool,
    /// Its last start came to nothing, because the write was refused.
    pub refused: Option<Refusal<'a>>,
}

/// What a start was refused with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// In the API server's words.
    pub why: &'a str,
    /// When it is tried again.
    pub retry: Timestamp,
}

/// A loss, and whether the lost node was eligible for the target.
#[derive(Debug, Clone)]
pub struct LossSeen {
    /// The loss.
    pub loss: Loss,
    /// The newest template could run on the node.
    pub eligible: bool,
}

/// What is known of the watches that the snapshot comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// When the first complete list was there. Before `reachable_after` from then on nobody knows who is reachable.
    pub since: Timestamp,
    /// When the watch that was silent longest last showed an event or a bookmark.
    pub heard: Timestamp,
}

impl UnitKind {
    /// Units in a sentence.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            Self::Node => "units",
            Self::Pool => "pools",
        }
    }
}

impl Input<'_> {
    /// Whether a watch was silent for longer than a bookmark takes (rule 14).
    pub(super) fn is_stale(&self) -> bool {
        self.view.heard + self.timing.watch_stale <= self.now
    }
}
