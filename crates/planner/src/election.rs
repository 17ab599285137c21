//! Who leads a pool's hubs: [`elect`].
//!
//! A leader is a node of the pool that is Ready, has an InternalIP and, where the pool says so, bears its mark. Leaders that
//! still are all that, at the address under which they were published, stay: every change makes the edges of a pool dial
//! anew. Places that are free are filled so that leaders spread over zones, and are drawn by a hash of pool and node: every
//! replica of the service draws alike, and not every pool burdens the node whose name sorts first.

mod change;
pub mod invariants;
mod rank;
mod spread;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use change::{Change, Loss};
pub use standing::{Standing, Tally};

/// The node label that names a node's zone. Nodes without it count as one zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// What a pool asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settings {
    /// No leaders.
    Disabled,
    /// Something that cannot be followed: which field, its value, and what is allowed. Nobody is elected.
    Invalid(String),
    /// Leaders.
    Enabled {
        /// Which nodes are asked.
        strategy: Strategy,
        /// So many, and never more.
        replicas: u32,
    },
}

/// Which nodes of a pool are asked to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// All of them.
    Random,
    /// Those with all of these labels; nobody if there are none.
    Mark(BTreeMap<String, String>),
}

/// A node of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its condition Ready is True.
    pub ready: bool,
    /// Its first InternalIP; `None` if it has none that can be read.
    pub address: Option<IpAddr>,
    /// Its labels: a mark may be among them, and the [`ZONE`].
    pub labels: &'a BTreeMap<String, String>,
}

/// A node that leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leader {
    /// The node's name.
    pub name: String,
    /// The InternalIP at which it is dialled.
    pub address: IpAddr,
}

/// The result of an election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// Who leads, by name. Empty is a result like any other.
    pub leaders: Vec<Leader>,
    /// What is different from before, by name; empty if nothing is.
    pub changes: Vec<Change>,
    /// Whether these are all leaders that the pool asks for and, if not, why.
    pub standing: Standing,
}

/// Elects a pool's leaders.
///
/// `pool` identifies the pool among others (its UID or name), `members` are all of its nodes, `current` who led until now.
/// The order of both does not matter, and electing again with the result as `current` changes nothing. Of two nodes of one
/// name, as a view has them for a moment when a node was made again, the one that is not Ready counts.
pub fn elect(pool: &str, settings: &Settings, members: &[Member<'_>], current: &[Leader]) -> Election {
    let mut members = members.to_vec();
    members.sort_unstable();
    members.dedup_by_key(|member| member.name);
    let before: BTreeSet<&Leader> = current.iter().collect();
    let (leaders, standing) = match settings {
        Settings::Disabled => (Vec::new(), Standing::Disabled),
        Settings::Invalid(why) => (Vec::new(), Standing::Invalid(why.clone())),
        Settings::Enabled { strategy, replicas } => {
            let wanted = usize::try_from(*replicas).unwrap_or(usize::MAX);
            let leaders = spread::choose(pool, &able(strategy, &members), &before, wanted);
            let standing = standing::of(strategy, *replicas, leaders.len(), Tally::of(strategy, &members));
            (leaders, standing)
        }
    };
    let changes = change::between(&before, &leaders, |leader| {
        let member = members.iter().find(|member| member.name == leader.name);
        change::loss(settings, leader, member)
    });
    let election = Election { leaders, changes, standing };
    debug_assert_eq!(invariants::check(settings, &members, current, &election), Ok(()), "an election breaks a rule");
    election
}

impl Strategy {
    /// Whether a node with these labels is asked to lead.
    pub fn asks(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Random => true,
            Self::Mark(mark) => !mark.is_empty() && mark.iter().all(|(key, value)| labels.get(key) == Some(value)),
        }
    }
}

/// A node that can lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Able<'a> {
    name: &'a str,
    address: IpAddr,
    zone: Option<&'a str>,
}

/// The nodes that can lead, by name.
fn able<'a>(strategy: &Strategy, members: &[Member<'a>]) -> Vec<Able<'a>> {
    let asked = members.iter().filter(|member| member.ready && strategy.asks(member.labels));
    let able = asked.filter_map(|member| {
        let zone = member.labels.get(ZONE).map(String::as_str);
        member.address.map(|address| Able { name: member.name, address, zone })
    });
    able.collect()
}

#[cfg(test)]
mod tests;
