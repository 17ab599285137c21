//! Nodes and pods, as the planner takes them.

use jiff::Timestamp;
use k8s_openapi::api::core::v1 as core;
use kube::ResourceExt as _;
use planner::fleet::{Link, Name, Node, Phase, Pod, Readiness, Taint, Uid};

/// kubelet's reasons for a container that waits as every container does at first. Any other reason is trouble.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// A node.
pub(super) fn node(node: &core::Node) -> Node {
    let labels = node.labels().iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect();
    let spec = node.spec.clone().unwrap_or_default();
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    let stamp =
        ready.and_then(|ready| ready.last_transition_time.as_ref()).or(node.metadata.creation_timestamp.as_ref());
    let since = stamp.map_or(Timestamp::UNIX_EPOCH, |stamp| stamp.0);
    let taint = |taint: &core::Taint| Taint {
        key: taint.key.as_str().into(),
        value: taint.value.as_deref().unwrap_or_default().into(),
        effect: taint.effect.as_str().into(),
    };
    Node {
        name: node.name_any().into(),
        uid: uid(node.metadata.uid.as_deref()),
        pool: node.labels().get(api::names::POOL).map_or("", String::as_str).into(),
        labels,
        taints: spec.taints.unwrap_or_default().iter().map(taint).collect(),
        cordoned: spec.unschedulable.unwrap_or(false),
        link: if ready.is_some_and(|ready| ready.status == "True") { Link::Ready(since) } else { Link::Down(since) },
    }
}

/// A pod that this DaemonSet controls, and the node it is for.
pub(super) fn pod(pod: &core::Pod, daemon_set: &str) -> Option<(Name, Pod)> {
    let controls = |owner: &k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference| {
        owner.controller == Some(true) && owner.kind == "DaemonSet" && owner.uid == daemon_set
    };
    pod.owner_references().iter().find(|owner| controls(owner))?;
    let node = place(pod)?;
    let status = pod.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().flatten().find(|condition| condition.type_ == "Ready");
    let created = pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |at| at.0);
    let since = ready.and_then(|ready| ready.last_transition_time.as_ref()).map_or(created, |at| at.0);
    let is_ready = ready.is_some_and(|ready| ready.status == "True");
    let decoded = Pod {
        name: pod.name_any().into(),
        uid: uid(pod.metadata.uid.as_deref()),
        revision: pod.labels().get(api::names::REVISION_HASH).map_or("", String::as_str).into(),
        created,
        deleting: pod.metadata.deletion_timestamp.is_some(),
        phase: match status.phase.as_deref() {
            Some("Running") => Phase::Running,
            Some("Succeeded") => Phase::Succeeded,
            Some("Failed") => Phase::Failed,
            _ => Phase::Pending,
        },
        ready: is_ready.then_some(Readiness { since, at_first_sight: false }),
        trouble: (!is_ready && trouble(&status).is_some()).then_some(since),
    };
    Some((node, decoded))
}

/// The first container that will not start by itself soon, in kubelet's words.
pub(super) fn trouble(status: &core::PodStatus) -> Option<String> {
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let waiting = containers.filter_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone());
    waiting.into_iter().find(|reason| !STARTING.contains(&reason.as_str()))
}

/// The node that a pod is bound to, or that the DaemonSet controller made it for.
fn place(pod: &core::Pod) -> Option<Name> {
    let spec = pod.spec.as_ref()?;
    if let Some(node) = spec.node_name.as_deref().filter(|name| !name.is_empty()) {
        return Some(node.into());
    }
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let terms = &affinity.required_during_scheduling_ignored_during_execution.as_ref()?.node_selector_terms;
    let mut fields = terms.iter().flat_map(|term| term.match_fields.iter().flatten());
    let named = fields.find(|field| field.key == "metadata.name")?;
    named.values.as_ref()?.first().map(|name| name.as_str().into())
}

fn uid(text: Option<&str>) -> Uid {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}
