//! What a cluster should be like.

use std::path::PathBuf;

/// The shape and timing of a local cluster.
#[derive(Clone, Debug)]
pub struct ClusterSpec {
    /// How many kwok nodes to make.
    pub nodes: u32,
    /// Into how many pools they are divided.
    pub pools: u32,
    /// How long a node's lease lasts. kwok renews it after a quarter of this, so that a fleet costs nodes / (lease / 4)
    /// writes a second.
    pub lease_seconds: u32,
    /// How long the controller-manager believes a silent node; must exceed a quarter of the lease.
    pub grace_seconds: u32,
    /// Where its files are.
    pub(crate) place: Place,
}

/// Where the files of a cluster are.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In a temporary directory, etcd's data in memory.
    Temporary,
    /// In this directory, etcd's data in memory.
    At(PathBuf),
    /// In this directory, etcd's data too, so that a later start goes on with it.
    Kept(PathBuf),
}

impl ClusterSpec {
    /// `nodes` nodes in `pools` pools with lease and grace of 4 s: a node lost is noticed within 5 s. For suites with faults.
    pub fn new(nodes: u32, pools: u32) -> Self {
        Self { nodes, pools, lease_seconds: 4, grace_seconds: 4, place: Place::Temporary }
    }

    /// Leases of 40 s, as Kubernetes has them, and a grace period of 50 s: few writes beside those of interest. For suites
    /// without node faults and for benchmarks.
    #[must_use]
    pub fn long_leases(mut self) -> Self {
        self.lease_seconds = 40;
        self.grace_seconds = 50;
        self
    }

    /// Another lease and grace period, in seconds.
    #[must_use]
    pub fn lease(mut self, lease_seconds: u32, grace_seconds: u32) -> Self {
        self.lease_seconds = lease_seconds;
        self.grace_seconds = grace_seconds;
        self
    }
}
