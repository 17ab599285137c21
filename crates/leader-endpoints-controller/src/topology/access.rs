//! What a caller may see.

use chassis::access::Caller;
use planner::fleet::Name;
use proto::topology::v1::{NodeSelector, PoolSelector};
use tonic::{Request, Status};

use super::{Settings, Topology};

/// What a caller may see.
#[derive(Debug, Clone)]
pub(super) enum Sight {
    /// Everything.
    Fleet,
    /// The pool of the node that its token is bound to, whichever that is at the moment.
    PoolOf { node: String, topology: Topology },
}

/// What of it a watch shows: checked again before each message, because nodes change pools.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    sight: Sight,
    pools: Vec<String>,
    own_node: bool,
}

impl Sight {
    /// # Errors
    /// UNAUTHENTICATED when nobody is known to call.
    pub(super) fn of<T>(request: &Request<T>, settings: &Settings, topology: &Topology) -> Result<Self, Status> {
        let caller = Caller::of(request)?;
        Ok(match &caller.node {
            Some(node) if !settings.fleet_accounts.contains(&caller.account) => {
                Self::PoolOf { node: node.name.clone(), topology: topology.clone() }
            }
            Some(_) | None => Self::Fleet,
        })
    }

    /// # Errors
    /// `PERMISSION_DENIED`, naming what the caller may ask for.
    pub(super) fn pools(self, selector: &PoolSelector) -> Result<Shown, Status> {
        Shown { sight: self, pools: selector.names.clone(), own_node: false }.checked()
    }

    /// # Errors
    /// `PERMISSION_DENIED`, naming what the caller may ask for.
    pub(super) fn nodes(self, selector: &NodeSelector) -> Result<Shown, Status> {
        let own_node = match &self {
            Self::PoolOf { node, .. } => selector.names.iter().all(|name| name == node) && !selector.names.is_empty(),
            Self::Fleet => false,
        };
        Shown { sight: self, pools: selector.pools.clone(), own_node }.checked()
    }
}

impl Shown {
    fn checked(self) -> Result<Self, Status> {
        self.check().map(|()| self)
    }

    /// Whether the caller may still see it.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, naming what the caller may ask for.
    pub(super) fn check(&self) -> Result<(), Status> {
        let Sight::PoolOf { node, topology } = &self.sight else { return Ok(()) };
        if self.own_node {
            return Ok(());
        }
        let Some(own) = topology.pool_of(node) else {
            return Err(Status::permission_denied(format!(
                "a caller on node {node} sees that node's pool only, and it is in none"
            )));
        };
        match self.pools.iter().find(|pool| **pool != *own) {
            None if !self.pools.is_empty() => Ok(()),
            None => Err(Status::permission_denied(format!(
                "a caller on node {node} sees that node's pool only: select pool {own} by name"
            ))),
            Some(other) => Err(Status::permission_denied(format!(
                "a caller on node {node} sees that node's pool only, which is {own} and not {other}"
            ))),
        }
    }
}

impl Topology {
    /// The pool that a node is in.
    fn pool_of(&self, node: &str) -> Option<Name> {
        self.index().pool_of(node).filter(|pool| !pool.is_empty()).cloned()
    }
}
