//! What the independent watcher sees of one object, in records of its own.

mod rollouts;

use anyhow::{Context as _, Result};
use api::daemon_set::DaemonSet;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{ContainerStatus, Node, Pod};
use kube::ResourceExt as _;
use planner::fleet;
use serde_json::Value;

pub(super) use rollouts::{ApprovalSeen, PoolSeen, RunSeen, RunState};

/// One event of a watch.
#[derive(Clone, Debug)]
pub struct Note {
    /// When the watcher got it.
    pub received: Timestamp,
    /// The object was there before the watcher: since when, nobody knows.
    pub at_first: bool,
    /// `metadata.resourceVersion`.
    pub version: String,
    /// The object is deleted.
    pub gone: bool,
    /// The object.
    pub seen: Seen,
}

/// An object that matters.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A node.
    Node(NodeSeen),
    /// A pod that a DaemonSet controls.
    Pod(PodSeen),
    /// A DaemonSet.
    DaemonSet(Box<DaemonSet>),
    /// A revision that a DaemonSet controls.
    Revision(RevisionSeen),
    /// A run of a DaemonSet.
    Run(Box<RunSeen>),
    /// A pool of nodes.
    Pool(PoolSeen),
    /// A request for somebody's approval.
    Approval(ApprovalSeen),
}

/// A node as it is.
#[derive(Clone, Debug)]
pub struct NodeSeen {
    /// Name, UID, labels, taints, cordon. Its `link` means nothing here.
    pub node: fleet::Node,
    /// Its Ready condition is True.
    pub ready: bool,
}

/// A pod as it is.
#[derive(Clone, Debug)]
pub struct PodSeen {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The UID of its DaemonSet.
    pub owner: String,
    /// The node it is bound to, or made for.
    pub node: String,
    /// Its revision's hash.
    pub revision: String,
    /// Neither terminating nor ended.
    pub live: bool,
    /// Its Ready condition is True.
    pub ready: bool,
    /// A container waits for a reason that does not go away soon.
    pub trouble: bool,
}

/// A revision as it is.
#[derive(Clone, Debug)]
pub struct RevisionSeen {
    /// The UID of its DaemonSet.
    pub owner: String,
    /// Its hash.
    pub hash: String,
    /// Its number.
    pub number: i64,
}

/// The kinds that are watched, and their API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `v1` nodes.
    Node,
    /// `v1` pods.
    Pod,
    /// `apps/v1` daemonsets.
    DaemonSet,
    /// `apps/v1` controllerrevisions.
    Revision,
    /// `drover.dev/v1alpha1` fleetrollouts.
    Run,
    /// `apps.openyurt.io/v1beta2` nodepools.
    Pool,
    /// `drover.dev/v1alpha1` approvalrequests.
    Approval,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Node, Self::Pod, Self::DaemonSet, Self::Revision, Self::Run, Self::Pool, Self::Approval];

    /// The record of an object of this kind; `None` for one that does not matter.
    pub fn read(self, object: Value) -> Result<Option<Seen>> {
        let seen = match self {
            Self::Node => Some(Seen::Node(node(&serde_json::from_value(object).context("reading a node")?)?)),
            Self::Pod => pod(&serde_json::from_value(object).context("reading a pod")?).map(Seen::Pod),
            Self::DaemonSet => {
                let set = serde_json::from_value(object).context("reading a DaemonSet")?;
                Some(Seen::DaemonSet(Box::new(set)))
            }
            Self::Revision => {
                revision(&serde_json::from_value(object).context("reading a revision")?).map(Seen::Revision)
            }
            Self::Run => Some(Seen::Run(Box::new(rollouts::run(object)?))),
            Self::Pool => Some(Seen::Pool(rollouts::pool(object)?)),
            Self::Approval => Some(Seen::Approval(rollouts::approval(object)?)),
        };
        Ok(seen)
    }
}

fn revision(revision: &ControllerRevision) -> Option<RevisionSeen> {
    Some(RevisionSeen {
        owner: controller(revision)?,
        hash: revision.labels().get(api::names::REVISION_HASH)?.clone(),
        number: revision.revision,
    })
}

fn node(node: &Node) -> Result<NodeSeen> {
    let spec = node.spec.clone().unwrap_or_default();
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let taint = |taint: &k8s_openapi::api::core::v1::Taint| fleet::Taint {
        key: taint.key.as_str().into(),
        value: taint.value.as_deref().unwrap_or_default().into(),
        effect: taint.effect.as_str().into(),
    };
    let labels = node.labels();
    let node = fleet::Node {
        name: node.name_any().into(),
        uid: node.uid().unwrap_or_default().parse().context("the UID of a node")?,
        pool: labels.get(api::names::POOL).map_or("", String::as_str).into(),
        labels: labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
        taints: spec.taints.iter().flatten().map(taint).collect(),
        cordoned: spec.unschedulable.unwrap_or_default(),
        link: fleet::Link::Down(Timestamp::UNIX_EPOCH),
    };
    Ok(NodeSeen { node, ready })
}

fn pod(pod: &Pod) -> Option<PodSeen> {
    let status = pod.status.clone().unwrap_or_default();
    let is_ready = |condition: &&k8s_openapi::api::core::v1::PodCondition| condition.type_ == "Ready";
    let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let containers = status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten());
    Some(PodSeen {
        namespace: pod.namespace()?,
        name: pod.name_any(),
        uid: pod.uid()?,
        owner: controller(pod)?,
        node: bound_to(pod)?,
        revision: pod.labels().get(api::names::REVISION_HASH).cloned().unwrap_or_default(),
        live: pod.metadata.deletion_timestamp.is_none() && !ended,
        ready: status.conditions.iter().flatten().find(is_ready).is_some_and(|ready| ready.status == "True"),
        trouble: containers.into_iter().any(is_in_trouble),
    })
}

/// Waiting for something other than its normal start.
fn is_in_trouble(container: &ContainerStatus) -> bool {
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
    reason.is_some_and(|reason| !matches!(reason, "ContainerCreating" | "PodInitializing"))
}

/// The node a pod is bound to; before it is, the DaemonSet controller names the node in an affinity.
fn bound_to(pod: &Pod) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    if let Some(node) = &spec.node_name {
        return Some(node.clone());
    }
    let required = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let terms = &required.required_during_scheduling_ignored_during_execution.as_ref()?.node_selector_terms;
    let fields = terms.iter().flat_map(|term| term.match_fields.iter().flatten());
    fields.filter(|field| field.key == "metadata.name").find_map(|field| field.values.as_ref()?.first().cloned())
}

/// The UID of the DaemonSet that controls an object.
fn controller(object: &impl kube::ResourceExt) -> Option<String> {
    let owners = object.owner_references().iter();
    let owner = owners.filter(|owner| owner.controller == Some(true)).find(|owner| owner.kind == "DaemonSet")?;
    Some(owner.uid.clone())
}
