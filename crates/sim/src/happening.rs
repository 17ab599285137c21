//! What people do, and what goes wrong.

use std::fmt;

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::rollout::{DesiredState, Met};
use planner::strategy::{Amount, Strategy};

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
    /// A user changes the max-unavailable annotation.
    Budget(Name, Amount),
    /// A user edits the `RolloutStrategy`, makes it invalid or deletes it: then this says why.
    Strategy(Box<Result<Strategy, String>>),
    /// A user sets or removes the annotation that names the strategy.
    Annotate(Name, bool),
    /// A user sets `spec.promotedThrough` of the newest run.
    Promote(Name, Name),
    /// A human decides on the open request of the newest run for a wave.
    Decide {
        /// The DaemonSet.
        daemon_set: Name,
        /// The wave.
        wave: Name,
        /// Yes or no.
        approved: bool,
        /// Who.
        approver: Name,
    },
    /// The labels of a NodePool change.
    Label(Name, Vec<(Name, Name)>),
    /// Nodes are moved to another pool.
    Move(Vec<Name>, Name),
    /// Something that is not of this world, and goes first, is up to date, is not, or nobody can tell any more.
    Dependency {
        /// Its name.
        name: Name,
        /// In these pools; none given: everywhere.
        pools: Vec<Name>,
        /// How far it is.
        met: Met,
    },
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
            Self::Strategy(strategy) => match &**strategy {
                Ok(_) => f.write_str("the strategy is edited"),
                Err(why) => write!(f, "the strategy: {why}"),
            },
            Self::Annotate(daemon_set, true) => write!(f, "{daemon_set} names the strategy"),
            Self::Annotate(daemon_set, false) => write!(f, "{daemon_set} names no strategy any more"),
            Self::Promote(daemon_set, wave) => write!(f, "the run of {daemon_set} is promoted through wave {wave:?}"),
            Self::Decide { wave, approved: true, approver, .. } => write!(f, "{approver} approves wave {wave:?}"),
            Self::Decide { wave, approved: false, approver, .. } => write!(f, "{approver} rejects wave {wave:?}"),
            Self::Label(pool, labels) => {
                let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                write!(
                    f,
                    "pool {pool} is labelled {}",
                    if labels.is_empty() { "with nothing".to_owned() } else { labels.join(", ") }
                )
            }
            Self::Move(nodes, pool) => write!(f, "moved to pool {pool}: {}", list(nodes)),
            Self::Dependency { name, pools, met } => {
                let place = match pools.len() {
                    0 => "everywhere".to_owned(),
                    1 => format!("in pool {}", pools[0]),
                    _ => format!("in pools {}", list(pools)),
                };
                match met {
                    Met::Yes => write!(f, "{name} is up to date {place}"),
                    Met::No => write!(f, "{name} is not up to date {place}"),
                    Met::Unknown => write!(f, "nobody can tell whether {name} is up to date {place}"),
                }
            }
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
