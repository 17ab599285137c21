//! Names around `YurtAppSets`: OpenYurt's, and Drover's own beside them.

use super::fnv1a;

/// The field manager of appset-controller: what it owns under server-side apply.
pub const FIELD_MANAGER: &str = "drover-appset-controller";

/// The source of events on YurtAppSets: OpenYurt's, so that who filters by it goes on to see them.
pub const EVENT_SOURCE: &str = "yurt-app-set-controller";

/// The field manager under which yurt-manager writes workloads.
pub const YURT_MANAGER: &str = "yurt-manager";

/// Label of OpenYurt on a workload and on a ControllerRevision: the YurtAppSet.
pub const SET: &str = "apps.openyurt.io/ref-yurtappset";

/// Label of OpenYurt on a workload, in its selector and on its pods: the pool.
pub const POOL_NAME: &str = "apps.openyurt.io/pool-name";

/// Label of OpenYurt on a workload: the name of the ControllerRevision that it was made from. OpenYurt puts it on pods too, which
/// restarts all of them with every revision; Drover leaves it on pods of OpenYurt's until they change anyway.
pub const REVISION: &str = "apps.openyurt.io/controller-revision-hash";

/// Annotation of OpenYurt on a workload: the pool.
pub const REF_POOL: &str = "apps.openyurt.io/ref-nodepool";

/// Label of a ControllerRevision: the hash in its name.
pub const REVISION_HASH: &str = "controller.kubernetes.io/hash";

/// Annotation of Drover on a workload: the hash of everything that was applied. Another one means that something is to be applied.
pub const RENDERED: &str = "drover.dev/rendered";

/// Annotation of Drover on a workload: the hash of the pod template as the YurtAppSet asks for it in this pool. Pods restart when
/// it changes, and only then.
pub const TEMPLATE: &str = "drover.dev/template";

/// Annotation of Drover on a workload of OpenYurt's: the hash of the pod template that it was adopted with and keeps, though it is
/// not what the YurtAppSet asks for, until that changes.
pub const KEPT_TEMPLATE: &str = "drover.dev/kept-template";

/// Annotation of Drover on a workload of OpenYurt's: the replicas that the YurtAppSet asked for when the workload was adopted. It keeps
/// those that it has, which somebody set through its subresource `scale`, until the YurtAppSet asks for others.
pub const KEPT_REPLICAS: &str = "drover.dev/kept-replicas";

/// Annotation of Drover on a YurtAppSet: the pools that keep a revision, as JSON `{"pool": "name of the revision"}`.
pub const PINNED: &str = "drover.dev/pinned-revisions";

/// Condition types of YurtAppSet, all of them OpenYurt's.
pub mod condition {
    /// There are pools for it.
    pub const POOL_FOUND: &str = "PoolFound";
    /// Each of its pools has a workload.
    pub const APP_DISPATCHED: &str = "AppDispatched";
    /// No workload is left in other pools.
    pub const APP_DELETED: &str = "AppDeleted";
    /// All workloads say what the YurtAppSet says: written, not yet rolled out.
    pub const APP_UPDATED: &str = "AppUpdated";
    /// All pods of all workloads are ready.
    pub const APP_READY: &str = "AppReady";
}

/// Reasons of the conditions of a YurtAppSet. Those that are not OpenYurt's say so.
pub mod condition_reason {
    /// `PoolFound` is True.
    pub const FIND_POOLS: &str = "FindPools";
    /// `PoolFound` is False: no NodePool is chosen.
    pub const NO_FIND_POOLS: &str = "NoFindPools";
    /// Drover's: `PoolFound` is False: a selector cannot be read, so nobody knows which NodePools are chosen.
    pub const INVALID_SELECTOR: &str = "InvalidSelector";
    /// Drover's: `PoolFound` is False: the object is no YurtAppSet, so that nothing of it is known.
    pub const INVALID_YURT_APP_SET: &str = "InvalidYurtAppSet";
    /// `AppDispatched` is False.
    pub const CREATE_WORKLOAD_ERROR: &str = "CreateWorkloadError";
    /// Drover's: `AppDispatched` is False, by a decision and not by an error.
    pub const CREATE_WORKLOAD_HELD: &str = "CreateWorkloadHeld";
    /// `AppDeleted` is False.
    pub const DELETE_WORKLOAD_ERROR: &str = "DeleteWorkloadError";
    /// Drover's: `AppDeleted` is False, by a decision and not by an error.
    pub const DELETE_WORKLOAD_HELD: &str = "DeleteWorkloadHeld";
    /// `AppUpdated` is False.
    pub const UPDATE_WORKLOAD_ERROR: &str = "UpdateWorkloadError";
    /// Drover's: `AppUpdated` is False, by a decision and not by an error.
    pub const UPDATE_WORKLOAD_HELD: &str = "UpdateWorkloadHeld";
    /// `AppReady` is True.
    pub const ALL_WORKLOADS_READY: &str = "AllWorkloadsReady";
    /// `AppReady` is False: there is no workload at all.
    pub const NO_WORKLOAD_FOUND: &str = "NoWorkloadFound";
    /// `AppReady` is False: a pool has no workload, or one that is not ready.
    pub const NOT_ALL_WORKLOADS_READY: &str = "NotAllWorkloadsReady";
}

/// Reasons of events on a YurtAppSet. Those that are not OpenYurt's say so.
pub mod event_reason {
    /// Workloads were made.
    pub const CREATED: &str = "Successful CreateWorkload";
    /// Workloads were deleted.
    pub const DELETED: &str = "Successful DeleteWorkload";
    /// Workloads were changed.
    pub const UPDATED: &str = "Successful UpdateWorkload";
    /// Drover's: workloads that OpenYurt made were taken over.
    pub const ADOPTED: &str = "Successful AdoptWorkload";
    /// Drover's: what others changed in workloads was put back.
    pub const REPAIRED: &str = "Successful RepairWorkload";
    /// Drover's: a workload cannot be made.
    pub const NOT_CREATED: &str = "Failed CreateWorkload";
    /// Drover's: a workload cannot be deleted.
    pub const NOT_DELETED: &str = "Failed DeleteWorkload";
    /// A workload cannot be changed.
    pub const NOT_UPDATED: &str = "Failed UpdateWorkload";
    /// No NodePool is chosen.
    pub const NO_FIND_POOLS: &str = "NoFindPools";
    /// The revision of the spec cannot be recorded.
    pub const NO_REVISION: &str = "FailedRevisionProvision";
    /// Drover's: something in the YurtAppSet cannot be followed.
    pub const INVALID: &str = "InvalidYurtAppSet";
    /// Drover's: more workloads are to be deleted than may be at once.
    pub const DELETIONS_HELD: &str = "WorkloadDeletionsHeld";
}

/// The longest value of a label (Kubernetes' `LabelValueMaxLength`).
pub const MAX_LABEL_VALUE: usize = 63;

/// The longest name of a Deployment whose `ReplicaSets` (`<name>-<hash of at most 10>`) still have names of at most 253.
const MAX_DEPLOYMENT: usize = 242;

/// The longest name of a `StatefulSet` whose pods can be labelled with their revision (`<name>-<hash of at most 10>`) in 63
/// characters.
const MAX_STATEFUL_SET: usize = 52;

/// The kinds of workload that a YurtAppSet makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` `StatefulSet`.
    StatefulSet,
}

impl WorkloadKind {
    /// The kind as objects have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
        }
    }
}

/// The name of the workload of a pool: `<set>-<pool>-<hash8>`, the same for ever.
///
/// The hash is of the pair: of `a-b` in pool `c` and of `a` in pool `b-c` there are two. Long names are cut, so that what
/// Kubernetes makes of them is valid too, and a `StatefulSet`'s have no dots, which Kubernetes refuses (its
/// `ValidateStatefulSetName`: a DNS label).
pub fn workload(kind: WorkloadKind, set: &str, pool: &str) -> String {
    let stem = format!("{set}-{pool}");
    let (stem, most) = match kind {
        WorkloadKind::Deployment => (stem, MAX_DEPLOYMENT),
        WorkloadKind::StatefulSet => (stem.replace('.', "-"), MAX_STATEFUL_SET),
    };
    let hash = fnv1a(format!("{set}/{pool}").as_bytes());
    cut(&stem, &format!("-{hash:08x}"), most)
}

/// The name of a revision: `<set>-<hash>`. Unlike OpenYurt's it always fits into the label [`REVISION`].
pub fn revision(set: &str, hash: &str) -> String {
    cut(set, &format!("-{hash}"), MAX_LABEL_VALUE)
}

/// `stem` and `suffix`, the stem cut so that both have at most `most` bytes and every part of the name ends with a letter or digit.
fn cut(stem: &str, suffix: &str, most: usize) -> String {
    let end = stem.floor_char_boundary(most.saturating_sub(suffix.len()));
    format!("{}{suffix}", stem[..end].trim_end_matches(['-', '.', '_']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_has_one_name_for_ever_and_no_other_pair_has_it() {
        let deployment = |set: &str, pool: &str| workload(WorkloadKind::Deployment, set, pool);
        // Golden: a name that changes makes a second workload in every pool.
        assert_eq!(deployment("web", "hangzhou"), "web-hangzhou-4c100a68");
        assert_ne!(deployment("a-b", "c"), deployment("a", "b-c"));
    }

    #[test]
    fn the_name_of_a_stateful_set_has_no_dots_and_those_of_two_pools_are_two() {
        let name = |pool: &str| workload(WorkloadKind::StatefulSet, "web", pool);
        assert!(name("shop.north").starts_with("web-shop-north-") && name("shop.north") != name("shop-north"));
        assert!(workload(WorkloadKind::Deployment, "web", "shop.north").starts_with("web-shop.north-"));
    }

    #[test]
    fn long_names_are_cut_to_what_kubernetes_can_still_extend() {
        for (kind, most) in [(WorkloadKind::Deployment, 242), (WorkloadKind::StatefulSet, 52)] {
            let name = workload(kind, &"s".repeat(250), &"p".repeat(250));
            assert_eq!(name.len(), most);
            let odd = workload(kind, &format!("{}.-.", "s".repeat(most - 11)), "p");
            assert!(odd.len() <= most && !odd.contains(".-") && !odd.contains("--"), "{odd}");
        }
        let name = revision(&"s".repeat(250), "89abcdef");
        assert_eq!((name.len(), revision("web", "89abcdef").as_str()), (MAX_LABEL_VALUE, "web-89abcdef"));
    }
}
