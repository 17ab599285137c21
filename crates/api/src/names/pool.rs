//! Names around NodePools and their leaders: OpenYurt's, and those that its design left open.

/// Node label of OpenYurt: the node's pool.
pub use super::POOL;

/// NodePool label of OpenYurt: the pool's type in lower case.
pub const TYPE: &str = "nodepool.openyurt.io/type";

/// Node annotation of OpenYurt: the labels, annotations and taints that the node's pool gave it, as JSON. What is in there
/// can be taken back.
pub const PREVIOUS_ATTRIBUTES: &str = "nodepool.openyurt.io/previous-attributes";

/// Node label of OpenYurt: "true" on nodes whose pods use the host's network.
pub const HOST_NETWORK: &str = "nodepool.openyurt.io/hostnetwork";

/// Label of a leader ConfigMap, by which YurtHubs find it: its own name.
pub const CONFIG_MAP_NAME: &str = "openyurt.io/configmap-name";

/// Label of a leader EndpointSlice: the Endpoints that it stands for, though there is no Service of this name.
pub const SLICE_SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Label of an EndpointSlice: who writes it, so that no other controller takes it for its own.
pub const SLICE_MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// Annotation of leader Endpoints and EndpointSlices: spec.interConnectivity, "true" or "false".
pub const INTERCONNECTIVITY: &str = "apps.openyurt.io/interconnectivity";

/// Annotation of leader Endpoints and EndpointSlices: spec.poolScopeMetadata as sorted `group/version/resource`, joined by
/// commas.
pub const POOL_SCOPED_METADATA: &str = "apps.openyurt.io/pool-scoped-metadata";

/// Annotation of leader Endpoints and EndpointSlices: spec.enableLeaderElection, "true" or "false".
pub const ENABLE_LEADER_ELECTION: &str = "apps.openyurt.io/enable-leader-election";

/// Label of Endpoints: Kubernetes makes no EndpointSlices of them.
pub const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";

/// Annotation that keeps Endpoints without a Service when kube-controller-manager restarts: it takes them for a lock of
/// leader election, and deletes all others.
pub const ELECTION_LOCK: &str = "control-plane.alpha.kubernetes.io/leader";

/// Keys of the data of a leader ConfigMap.
pub mod data {
    /// The leaders as sorted `node/address`, joined by commas.
    pub const LEADERS: &str = "leaders";
    /// spec.poolScopeMetadata as sorted `group/version/resource`, joined by commas.
    pub const POOL_SCOPED_METADATA: &str = "pool-scoped-metadata";
    /// spec.interConnectivity, "true" or "false".
    pub const INTERCONNECTIVITY: &str = "interconnectivity";
    /// spec.enableLeaderElection, "true" or "false".
    pub const ENABLE_LEADER_ELECTION: &str = "enable-leader-election";
}

/// The name of the port at which leaders serve their pool.
pub const PORT_NAME: &str = "multiplexer";

/// The port at which leaders serve their pool: the HTTPS multiplexer of a YurtHub.
pub const PORT: u16 = 10269;

/// The ClusterRole of OpenYurt with which YurtHubs list and watch pool-scoped metadata.
pub const MULTIPLEXER_ROLE: &str = "yurt-hub-multiplexer";

/// Condition type of a NodePool: somebody leads. Declared by OpenYurt, which never writes it.
pub const LEADER_READY: &str = "LeaderReady";

/// The name of a pool's Endpoints, ConfigMap and EndpointSlice.
pub fn leader_hub(pool: &str) -> String {
    format!("leader-hub-{pool}")
}
