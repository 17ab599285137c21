//! What must be up to date before a pool gets its turn.

use crate::fleet::Name;

/// Another target that goes first, pool by pool or everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Its API version, such as `apps/v1`.
    pub api_version: Name,
    /// Its kind, such as `DaemonSet`.
    pub kind: Name,
    /// Its name, in the namespace of the strategy.
    pub name: Name,
    /// Where it must be up to date.
    pub scope: Scope,
}

/// Where a dependency must be up to date before a pool gets its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In that pool.
    SamePool,
    /// In all pools.
    AllPools,
}
