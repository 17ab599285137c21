//! What an election changed, and why.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use super::{Leader, Member, Settings};

/// A node that leads or no longer leads. Displays as a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It leads now.
    Elected(Leader),
    /// It led, and no longer does so at this address.
    Lost {
        /// Who led.
        leader: Leader,
        /// Why it no longer does.
        why: Loss,
    },
}

/// Why a node no longer leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The pool wants no leaders.
    Disabled,
    /// The pool's settings cannot be followed.
    Invalid,
    /// It is gone, or in another pool.
    LeftPool,
    /// It is not Ready.
    NotReady,
    /// It does not bear the pool's mark.
    Unmarked,
    /// It has no InternalIP.
    NoAddress,
    /// It is dialled at another address now.
    AddressChanged(IpAddr),
    /// The pool wants fewer leaders.
    Surplus,
}

impl Change {
    /// The node's name.
    pub fn node(&self) -> &str {
        match self {
            Self::Elected(leader) | Self::Lost { leader, .. } => &leader.name,
        }
    }
}

impl Loss {
    /// In one word, as a reason or a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "Disabled",
            Self::Invalid => "Invalid",
            Self::LeftPool => "LeftPool",
            Self::NotReady => "NotReady",
            Self::Unmarked => "Unmarked",
            Self::NoAddress => "NoAddress",
            Self::AddressChanged(_) => "AddressChanged",
            Self::Surplus => "Surplus",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elected(Leader { name, address }) => write!(f, "{name} ({address}) leads"),
            Self::Lost { leader: Leader { name, address }, why } => {
                write!(f, "{name} ({address}) no longer leads: {why}")
            }
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("leader election is disabled"),
            Self::Invalid => f.write_str("the pool's settings cannot be followed"),
            Self::LeftPool => f.write_str("it is gone or in another pool"),
            Self::NotReady => f.write_str("it is not Ready"),
            Self::Unmarked => f.write_str("it does not bear the pool's mark"),
            Self::NoAddress => f.write_str("it has no InternalIP"),
            Self::AddressChanged(now) => write!(f, "its InternalIP is {now} now"),
            Self::Surplus => f.write_str("the pool wants fewer leaders"),
        }
    }
}

/// The changes from the leaders before to those after, by name; of one name the loss comes first. `loss` tells why.
pub(super) fn between(before: &BTreeSet<&Leader>, after: &[Leader], loss: impl Fn(&Leader) -> Loss) -> Vec<Change> {
    let lost = before.iter().filter(|leader| !after.contains(leader));
    let lost = lost.map(|leader| Change::Lost { leader: (*leader).clone(), why: loss(leader) });
    let elected = after.iter().filter(|leader| !before.contains(leader)).cloned().map(Change::Elected);
    let mut changes: Vec<_> = lost.chain(elected).collect();
    changes.sort_by(|one, other| one.node().cmp(other.node()));
    changes
}

/// Why a leader was not elected again; `member` is what its node is now, if it is still in the pool.
pub(super) fn loss(settings: &Settings, leader: &Leader, member: Option<&Member<'_>>) -> Loss {
    let strategy = match settings {
        Settings::Disabled => return Loss::Disabled,
        Settings::Invalid(_) => return Loss::Invalid,
        Settings::Enabled { strategy, replicas: _ } => strategy,
    };
    let Some(member) = member else { return Loss::LeftPool };
    match member.address {
        _ if !strategy.asks(member.labels) => Loss::Unmarked,
        _ if !member.ready => Loss::NotReady,
        None => Loss::NoAddress,
        Some(now) if now != leader.address => Loss::AddressChanged(now),
        Some(_) => Loss::Surplus,
    }
}
