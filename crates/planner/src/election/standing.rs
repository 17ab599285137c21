//! Whether a pool has its leaders, in words.

use std::fmt;

use super::{Member, Strategy};

/// Whether a pool has the leaders that it asks for and, if not, why. Displays as a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As many as it asks for.
    Complete {
        /// So many.
        leaders: usize,
    },
    /// Some, but fewer than it asks for.
    Short {
        /// So many.
        leaders: usize,
        /// It asks for so many.
        wanted: u32,
        /// What the other nodes lack.
        tally: Tally,
    },
    /// None, because no node can lead.
    Nobody(Tally),
    /// None, because it asks for none while election is enabled.
    NoneWanted,
    /// None, because it asks for marked nodes without saying how they are marked.
    NoMark,
    /// None, because election is disabled.
    Disabled,
    /// None, because its settings cannot be followed.
    Invalid(String),
}

/// The nodes of a pool by what keeps them from leading. Each is counted once: by its mark, then readiness, then address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All nodes of the pool.
    pub nodes: usize,
    /// Those without the pool's mark.
    pub unmarked: usize,
    /// Those that are not Ready.
    pub not_ready: usize,
    /// Those without an InternalIP.
    pub no_address: usize,
}

impl Standing {
    /// Whether anybody leads.
    pub fn is_led(&self) -> bool {
        matches!(self, Self::Complete { .. } | Self::Short { .. })
    }

    /// In one word, as a condition's reason or a metric's label.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Complete { .. } => "Elected",
            Self::Short { .. } => "FewerThanAsked",
            Self::Nobody(_) => "NoCandidate",
            Self::NoneWanted => "NoneWanted",
            Self::NoMark => "NoMark",
            Self::Disabled => "Disabled",
            Self::Invalid(_) => "InvalidElection",
        }
    }
}

impl Tally {
    pub(super) fn of(strategy: &Strategy, members: &[Member<'_>]) -> Self {
        let mut tally = Self { nodes: members.len(), ..Self::default() };
        for member in members {
            if !strategy.asks(member.labels) {
                tally.unmarked += 1;
            } else if !member.ready {
                tally.not_ready += 1;
            } else if member.address.is_none() {
                tally.no_address += 1;
            }
        }
        tally
    }
}

/// The standing of a pool that asks for `wanted` leaders and has `leaders`.
pub(super) fn of(strategy: &Strategy, wanted: u32, leaders: usize, tally: Tally) -> Standing {
    match (wanted, leaders) {
        (0, _) => Standing::NoneWanted,
        (_, 0) if matches!(strategy, Strategy::Mark(mark) if mark.is_empty()) => Standing::NoMark,
        (_, 0) => Standing::Nobody(tally),
        (wanted, leaders) if usize::try_from(wanted).is_ok_and(|wanted| leaders >= wanted) => {
            Standing::Complete { leaders }
        }
        (wanted, leaders) => Standing::Short { leaders, wanted, tally },
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete { leaders: 1 } => f.write_str("1 node leads, as the pool asks"),
            Self::Complete { leaders } => write!(f, "{leaders} nodes lead, as the pool asks"),
            Self::Short { leaders, wanted, tally } => write!(f, "{leaders} of {wanted} leaders: {tally}"),
            Self::Nobody(tally) => write!(f, "no node can lead: {tally}"),
            Self::NoneWanted => f.write_str("leaderReplicas asks for no leader: at least 1 is needed"),
            Self::NoMark => f.write_str(
                "leaderElectionStrategy is mark, and leaderNodeLabelSelector names no label: no node is marked",
            ),
            Self::Disabled => f.write_str("enableLeaderElection is false"),
            Self::Invalid(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, unmarked, not_ready, no_address } = *self;
        if nodes == 0 {
            return f.write_str("the pool has no nodes");
        }
        let lacks = [(unmarked, "unmarked"), (not_ready, "not Ready"), (no_address, "without InternalIP")];
        let lacks = lacks.iter().filter(|(count, _)| *count > 0).map(|(count, lack)| format!("{count} {lack}"));
        let lacks = lacks.collect::<Vec<_>>().join(", ");
        let separator = if lacks.is_empty() { "" } else { ", " };
        write!(f, "of {nodes} node{}{separator}{lacks}", if nodes == 1 { "" } else { "s" })
    }
}
