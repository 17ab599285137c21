//! Where a DaemonSet may run: Drover's answer beside that of the DaemonSet controller.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tests::checker::{Kind, Seen};
use tests::fixture::{Scene, eventually};
use xtask::daemonsets::{Daemon, Fixture};

use crate::{LONG, await_status, bed};

/// What makes the nodes differ: labels and taints of each.
fn variety() -> [Value; 8] {
    let taint = |key: &str, value: &str, effect: &str| json!({"key": key, "value": value, "effect": effect});
    let node = |labels: Value, taints: Vec<Value>| json!({"metadata": {"labels": labels}, "spec": {"taints": taints}});
    [
        node(json!({}), vec![]),
        node(json!({"arch": "arm64", "gen": "7"}), vec![]),
        node(json!({"gen": "12"}), vec![taint("gpu", "a", "NoSchedule")]),
        node(json!({"arch": "amd64"}), vec![taint("gpu", "b", "NoExecute")]),
        node(json!({"gen": "old"}), vec![taint("soft", "", "PreferNoSchedule")]),
        node(json!({"arch": ""}), vec![taint("gpu", "a", "NoSchedule"), taint("site", "x", "NoSchedule")]),
        node(json!({"gen": "3"}), vec![taint("node.cloudprovider.kubernetes.io/uninitialized", "", "NoSchedule")]),
        json!({"metadata": {"labels": {"gen": "7"}}, "spec": {"unschedulable": true}}),
    ]
}

/// Templates, by what they say of their place.
fn templates(scene: &Scene<'_>) -> Vec<Fixture> {
    let affinity = |terms: Value| json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
    let one = |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
    let expressions = |all: Vec<Value>| affinity(json!([{ "matchExpressions": all }]));
    let named = |name: &str| json!({"matchFields": [one("metadata.name", "In", &[name])]});
    let tolerates = |toleration: Value| ("tolerations", json!([toleration]));
    let places = [
        ("anywhere", ("tolerations", json!([]))),
        ("in", ("affinity", expressions(vec![one("arch", "In", &["arm64", ""])]))),
        ("not-in", ("affinity", expressions(vec![one("arch", "NotIn", &["amd64"])]))),
        ("exists", ("affinity", expressions(vec![one("gen", "Exists", &[])]))),
        ("absent", ("affinity", expressions(vec![one("gen", "DoesNotExist", &[])]))),
        ("greater", ("affinity", expressions(vec![one("gen", "Gt", &["6"])]))),
        ("less", ("affinity", expressions(vec![one("gen", "Lt", &["7"])]))),
        ("both", ("affinity", expressions(vec![one("gen", "Exists", &[]), one("arch", "DoesNotExist", &[])]))),
        (
            "either",
            (
                "affinity",
                affinity(
                    json!([{"matchExpressions": [one("arch", "Exists", &[])]}, {"matchExpressions": [one("gen", "In", &["7"])]}]),
                ),
            ),
        ),
        ("nowhere", ("affinity", affinity(json!([{}])))),
        ("named", ("affinity", affinity(json!([named(&scene.nodes[4]), named(&scene.nodes[2])])))),
        ("bound", ("nodeName", json!(scene.nodes[1]))),
        ("bound-tainted", ("nodeName", json!(scene.nodes[2]))),
        ("equal", tolerates(json!({"key": "gpu", "operator": "Equal", "value": "a"}))),
        ("scheduled", tolerates(json!({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}))),
        ("key", tolerates(json!({"key": "gpu", "operator": "Exists"}))),
        ("executed", tolerates(json!({"operator": "Exists", "effect": "NoExecute"}))),
        ("everything", tolerates(json!({"operator": "Exists"}))),
    ];
    let template = |(name, (field, value)): (&str, (&str, Value))| {
        scene.daemon_set(name, "10%").set(&format!("/spec/template/spec/{field}"), value)
    };
    let selected = scene.daemon_set("selected", "10%").on_nodes("gen", "7");
    places.map(template).into_iter().chain([selected]).collect()
}

#[tokio::test]
async fn a_daemon_set_is_eligible_where_its_controller_makes_pods() -> Result<()> {
    let scene = bed().await?.scene("eligible", 8, 2).await?;
    let api: Api<Node> = Api::all(scene.client.clone());
    for (name, change) in scene.nodes.iter().zip(variety()) {
        api.patch(name, &PatchParams::default(), &Patch::Strategic(change)).await.context("changing a node")?;
    }
    let mut answers = BTreeSet::new();
    for template in templates(&scene) {
        let daemon = template.apply(&scene.client).await?;
        let (name, controllers) = agreed(&scene, &daemon).await?;
        let desired = u32::try_from(controllers.len())?;
        await_status(&scene, &name, 1, &format!("{desired} units of {name}"), |status| status.units.desired == desired)
            .await?;
        daemon.delete().await?;
        answers.insert(controllers);
    }
    // The templates are of use only while they are told apart.
    assert!(answers.len() >= 12, "{} different answers", answers.len());
    Ok(())
}

/// The name of a DaemonSet, and the nodes on which both want it, as soon as they want the same. A node may still bear the taint
/// of one that is not Ready when the controller looks first.
async fn agreed(scene: &Scene<'_>, daemon: &Daemon) -> Result<(String, BTreeSet<String>)> {
    let mut last = None;
    let same = eventually("both to want the same nodes", LONG, async || {
        let (name, drovers) = drovers(scene, daemon).await?;
        let controllers = controllers(daemon).await?;
        let same = (controllers.as_ref() == Some(&drovers)).then(|| (name.clone(), drovers.clone()));
        last = Some((name, drovers, controllers));
        Ok(same)
    });
    same.await.with_context(|| format!("name, Drover's and the controller's: {last:?}"))
}

/// The nodes for which the DaemonSet controller made pods, once it has made all.
async fn controllers(daemon: &Daemon) -> Result<Option<BTreeSet<String>>> {
    let set = daemon.get().await?;
    let status = set.status.unwrap_or_default();
    let complete = status.observed_generation == set.metadata.generation
        && status.current_number_scheduled == status.desired_number_scheduled;
    let pods = daemon.pods().await?;
    let live = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let nodes: BTreeSet<String> = live.map(node).collect::<Result<_>>()?;
    Ok((complete && usize::try_from(status.desired_number_scheduled)? == nodes.len()).then_some(nodes))
}

fn node(pod: &k8s_openapi::api::core::v1::Pod) -> Result<String> {
    match Kind::Pod.read(serde_json::to_value(pod)?)? {
        Some(Seen::Pod(seen)) => Ok(seen.node),
        _ => anyhow::bail!("a pod without a place"),
    }
}

/// The nodes that Drover counts as the DaemonSet's.
async fn drovers(scene: &Scene<'_>, daemon: &Daemon) -> Result<(String, BTreeSet<String>)> {
    let set: api::daemon_set::DaemonSet = serde_json::from_value(serde_json::to_value(daemon.get().await?)?)?;
    let placement = set.spec.template.spec.placement();
    let mut admitted = BTreeSet::new();
    for node in scene.fleet().list().await? {
        let Some(Seen::Node(seen)) = Kind::Node.read(serde_json::to_value(&node)?)? else { continue };
        if placement.admits(&seen.node) {
            admitted.insert(seen.node.name.to_string());
        }
    }
    Ok((set.metadata.name, admitted))
}
