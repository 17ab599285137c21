//! What people do, and what goes wrong.

use std::fmt;

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::rollout::DesiredState;
use planner::strategy::Amount;

use crate::release::Release;
use crate::transcript::list;

/// Something that happens to the world. Nodes are meant by name; one that is not there is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A user changes the template of a DaemonSet.
    Template {
        /// The DaemonSet.
        daemon_set: Name,
        /// What its revision is called; an earlier one's name goes back to it.
        revision: Name,
        /// What it does.
        release: Release,
    },
    /// The links of these nodes go down.
    Offline(Vec<Name>),
    /// They come back.
    Online(Vec<Name>),
    /// From now on the links of these nodes go down every so often, for about a minute.
    Flap(Vec<Name>, SignedDuration),
    /// All flapping ends, with the links up.
    Calm,
    /// Machines are switched on again if they are dead. What kills machines spares these from now on.
    Reboot(Vec<Name>),
    /// Somebody works on these nodes.
    Cordon(Vec<Name>),
    /// They are done.
    Uncordon(Vec<Name>),
    /// An autoscaler marks these nodes for removal.
    MarkForRemoval(Vec<Name>),
    /// These nodes leave the cluster.
    Remove(Vec<Name>),
    /// New nodes join a pool.
    Join(Vec<Name>, Name),
    /// Somebody deletes the pods of these nodes.
    Evict(Vec<Name>),
    /// The pods of these nodes end as Failed (kubelet's eviction).
    Fail(Vec<Name>),
    /// Nothing ever runs on these nodes: their pods crash-loop, whatever the revision.
    Spoil(Vec<Name>),
    /// It does again.
    Mend(Vec<Name>),
    /// The kubelets of these nodes cannot stop pods.
    Hang(Vec<Name>),
    /// They can again.
    Unhang(Vec<Name>),
    /// No pods can be made, until they can.
    Quota {
        /// Whether they cannot.
        full: bool,
    },
    /// The updater is killed, and starts again so long after.
    KillUpdater(SignedDuration),
    /// A watch of the updater shows nothing for so long.
    Stall(Stream, SignedDuration),
    /// Deletes are refused for so long.
    RefuseDeletes(SignedDuration),
    /// Deletes are carried out or not, and nobody says which, for so long.
    LoseAnswers(SignedDuration),
    /// A user sets `spec.desiredState` of the newest run.
    Desire(Name, DesiredState),
    /// A user sets `spec.resumeToken` of the newest run.
    Resume(Name, String),
    /// A user changes the budget.
    Budget(Name, Amount),
}

/// What the updater watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Nodes.
    Nodes,
    /// Pods of DaemonSets.
    Pods,
    /// DaemonSets, and FleetRollout objects.
    Objects,
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template { daemon_set, revision, release } => {
                write!(f, "the template of {daemon_set} changes to {revision} ({release})")
            }
            Self::Offline(nodes) => write!(f, "offline: {}", list(nodes)),
            Self::Online(nodes) => write!(f, "online: {}", list(nodes)),
            Self::Flap(nodes, every) => write!(f, "links flap every {}s: {}", every.as_secs(), list(nodes)),
            Self::Calm => f.write_str("all links are stable"),
            Self::Reboot(nodes) => write!(f, "rebooted: {}", list(nodes)),
            Self::Cordon(nodes) => write!(f, "cordoned: {}", list(nodes)),
            Self::Uncordon(nodes) => write!(f, "uncordoned: {}", list(nodes)),
            Self::MarkForRemoval(nodes) => write!(f, "an autoscaler is about to remove {}", list(nodes)),
            Self::Remove(nodes) => write!(f, "removed from the cluster: {}", list(nodes)),
            Self::Join(nodes, pool) => write!(f, "joined pool {pool}: {}", list(nodes)),
            Self::Evict(nodes) => write!(f, "pods deleted by somebody: {}", list(nodes)),
            Self::Fail(nodes) => write!(f, "pods ended as Failed: {}", list(nodes)),
            Self::Spoil(nodes) => write!(f, "nothing runs any more: {}", list(nodes)),
            Self::Mend(nodes) => write!(f, "mended: {}", list(nodes)),
            Self::Hang(nodes) => write!(f, "kubelets hang: {}", list(nodes)),
            Self::Unhang(nodes) => write!(f, "kubelets go on: {}", list(nodes)),
            Self::Quota { full: true } => f.write_str("the quota is full: no pod can be made"),
            Self::Quota { full: false } => f.write_str("the quota is free again"),
            Self::KillUpdater(pause) => write!(f, "the updater is killed, and starts again in {}s", pause.as_secs()),
            Self::Stall(stream, pause) => write!(f, "the watch of {stream} stalls for {}s", pause.as_secs()),
            Self::RefuseDeletes(pause) => write!(f, "deletes are refused for {}s", pause.as_secs()),
            Self::LoseAnswers(pause) => write!(f, "answers to deletes get lost for {}s", pause.as_secs()),
            Self::Desire(daemon_set, state) => write!(f, "the run of {daemon_set} shall be {state:?}"),
            Self::Resume(daemon_set, token) => write!(f, "the run of {daemon_set} is resumed with {token:?}"),
            Self::Budget(daemon_set, Amount::Count(n)) => write!(f, "maxUnavailable of {daemon_set} is {n} now"),
            Self::Budget(daemon_set, Amount::Percent(n)) => write!(f, "maxUnavailable of {daemon_set} is {n}% now"),
        }
    }
}

impl Stream {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Nodes, Self::Pods, Self::Objects];
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nodes => "nodes",
            Self::Pods => "pods",
            Self::Objects => "objects",
        })
    }
}
