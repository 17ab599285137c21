//! Who is reachable: what NodePools say themselves, or what `TopologyService` tells.

use std::collections::BTreeSet;

use topology::{Known, Node};

use crate::pools::Pool;

/// Where it is known from which pools are reachable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// From the status of NodePools.
    Status,
    /// From `TopologyService`: these pools have a node that is Ready.
    Told(BTreeSet<String>),
    /// `TopologyService` is to tell, and is silent for too long: nobody knows, so nothing starts, and nobody succeeds or fails.
    Unknown(String),
}

impl Reach {
    /// What `TopologyService` says: a pool is reachable when one of its nodes is.
    pub fn told(nodes: Known<Vec<Node>>) -> Self {
        match nodes {
            Known::Known(nodes) => {
                Self::Told(nodes.into_iter().filter(|node| node.ready).filter_map(|node| node.pool).collect())
            }
            Known::Unknown(unknown) => Self::Unknown(unknown.to_string()),
        }
    }

    /// Whether a pool is reachable; `None` if nobody knows.
    pub(super) fn of(&self, pool: &Pool) -> Option<bool> {
        match self {
            Self::Status => Some(pool.reachable),
            Self::Told(pools) => Some(pools.contains(&pool.name)),
            Self::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_reachable_when_one_of_its_nodes_is_and_silence_is_unknown() {
        let node = |name: &str, pool: &str, ready| Node {
            name: name.to_owned(),
            pool: Some(pool.to_owned()),
            ready,
            since: None,
        };
        let nodes = vec![node("a-1", "a", false), node("a-2", "a", true), node("b-1", "b", false)];
        let reach = Reach::told(Known::Known(nodes));
        let of = |reach: &Reach, pool: &str| reach.of(&Pool::new(pool, []));
        assert_eq!(["a", "b", "c"].map(|pool| of(&reach, pool)), [Some(true), Some(false), Some(false)]);
        let silent = Reach::told(Known::Unknown(topology::Unknown { age: None, cause: None }));
        assert_eq!((of(&silent, "a"), silent), (None, Reach::Unknown("the topology is not known yet".to_owned())));
        let dark = Pool::new("d", []).seen(planner::fleet::Uid::from_u128(1), Some(0));
        assert_eq!((of(&Reach::Status, "a"), Reach::Status.of(&dark)), (Some(true), Some(false)));
    }
}
