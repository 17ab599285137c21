//! Workloads as yurt-manager makes them: random names, its revision on pods, its name in the managed fields.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use api::names::app_set as names;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tests::fixture::{AppSet, Estate, Pods, Testbed};

/// A YurtAppSet that yurt-manager has brought to its end, as it was then.
pub(super) struct Legacy {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) set: String,
    /// Its pools.
    pub(super) pools: Vec<String>,
    /// The name of its revision.
    pub(super) revision: String,
    /// Its workloads, by pool.
    pub(super) children: BTreeMap<String, Value>,
    /// Its pods.
    pub(super) pods: Pods,
}

impl Legacy {
    /// Makes what yurt-manager makes of a YurtAppSet. `change` is what it then makes of its workloads otherwise.
    pub(super) async fn make(estate: &Estate<'_>, set: &AppSet, change: impl Fn(&mut Value)) -> Result<Self> {
        let applied = estate.apply(set).await?;
        let owner = json!([{
            "apiVersion": "apps.openyurt.io/v1beta1", "kind": "YurtAppSet", "name": set.name(),
            "uid": applied["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
        }]);
        let revision = format!("{}-6cf8d5c79d", set.name());
        create(estate, "ControllerRevision", recorded(set, &revision, &owner)?).await?;
        let template = set.object().pointer(&set.template_pointer()).context("a template")?;
        let kind = if set.template_pointer().ends_with("statefulSetTemplate") { "StatefulSet" } else { "Deployment" };
        for pool in &estate.pools {
            let mut child = workload(set.name(), pool, &revision, template);
            child["kind"] = json!(kind);
            child["metadata"]["ownerReferences"] = owner.clone();
            change(&mut child);
            create(estate, kind, child).await?;
        }
        for pool in &estate.pools {
            let ready = |child: &Value| child["status"]["readyReplicas"] == child["spec"]["replicas"];
            estate.await_child(set.name(), pool, "ready pods", ready).await?;
        }
        let count = estate.pools.len();
        let status = json!({"status": {
            "observedGeneration": applied["metadata"]["generation"], "currentRevision": revision, "collisionCount": 0,
            "totalWorkloads": count, "readyWorkloads": count, "updatedWorkloads": count, "conditions": [],
        }});
        let params = PatchParams { field_manager: Some(names::YURT_MANAGER.to_owned()), ..PatchParams::default() };
        estate.sets().patch_status(set.name(), &params, &Patch::Merge(&status)).await.context("its status")?;
        let (namespace, pools) = (estate.namespace.clone(), estate.pools.clone());
        let (children, pods) = tokio::try_join!(estate.children(set.name()), estate.pods(set.name()))?;
        Ok(Self { namespace, set: set.name().to_owned(), pools, revision, children, pods })
    }

    /// The same with another number of pods in a pool, set as an autoscaler does.
    pub(super) async fn scaled(self, estate: &Estate<'_>, pool: &str, replicas: u32) -> Result<Self> {
        let child = &self.children[pool];
        let (kind, name) = (child["kind"].as_str(), child["metadata"]["name"].as_str());
        let workloads = estate.objects("apps/v1", kind.context("a kind")?);
        let scale = json!({"spec": {"replicas": replicas}});
        let params = PatchParams { field_manager: Some("autoscaler".to_owned()), ..PatchParams::default() };
        workloads.patch_scale(name.context("a name")?, &params, &Patch::Merge(&scale)).await.context("scaling")?;
        let ready = |child: &Value| child["status"]["readyReplicas"] == replicas;
        estate.await_child(&self.set, pool, "its pods", ready).await?;
        let (children, pods) = tokio::try_join!(estate.children(&self.set), estate.pods(&self.set))?;
        Ok(Self { children, pods, ..self })
    }

    /// Where it is, for whoever asks.
    pub(super) fn place(&self, bed: &'static Testbed) -> Result<Estate<'static>> {
        let (namespace, pools) = (self.namespace.clone(), self.pools.clone());
        Ok(Estate { bed, namespace, pools, client: bed.cluster.client()? })
    }
}

async fn create(estate: &Estate<'_>, kind: &str, object: Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let params = PostParams { field_manager: Some(names::YURT_MANAGER.to_owned()), ..PostParams::default() };
    estate.objects("apps/v1", kind).create(&params, &object).await.with_context(|| format!("making a {kind}"))?;
    Ok(())
}

/// The ControllerRevision: what was asked for, as Go's types write it.
fn recorded(set: &AppSet, name: &str, owner: &Value) -> Result<Value> {
    // Quantities in Go's spelling, as far as they are here.
    let text =
        set.object()["spec"]["workload"].to_string().replace("\"1024Mi\"", "\"1Gi\"").replace("\"0.5\"", "\"500m\"");
    let mut workload: Value = text.parse()?;
    leave_out_empty(&mut workload);
    workload["$patch"] = json!("replace");
    for (kind, template) in workload["workloadTemplate"].as_object_mut().into_iter().flatten() {
        if kind == "statefulSetTemplate" && template["spec"]["serviceName"].is_null() {
            template["spec"]["serviceName"] = json!("");
        }
        template["metadata"]["creationTimestamp"] = Value::Null;
        template["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
        let container = template["spec"]["template"]["spec"]["containers"][0].as_object_mut().context("a container")?;
        container.entry("resources").or_insert_with(|| json!({}));
    }
    let labels = json!({names::SET: set.name(), names::REVISION_HASH: "6cf8d5c79d"});
    Ok(json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {"name": name, "labels": labels, "ownerReferences": owner},
        "data": {"spec": {"workload": workload}}, "revision": 1,
    }))
}

/// Go's types leave out maps and lists that are empty. A selector of all NodePools is a structure, and stays.
fn leave_out_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let silent = |key: &str, value: &Value| *value == json!([]) || *value == json!({}) && key == "annotations";
            fields.retain(|key, value| !silent(key, value));
            fields.values_mut().for_each(leave_out_empty);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_empty),
        _ => {}
    }
}

fn workload(set: &str, pool: &str, revision: &str, template: &Value) -> Value {
    let mut spec = template["spec"].clone();
    spec["selector"]["matchLabels"][names::POOL_NAME] = json!(pool);
    let pods = &mut spec["template"];
    pods["metadata"]["labels"][names::POOL_NAME] = json!(pool);
    pods["metadata"]["labels"][names::REVISION] = json!(revision);
    pods["spec"]["nodeSelector"] = json!({api::names::POOL: pool});
    let mut labels = template["metadata"]["labels"].clone();
    for (key, value) in [(names::SET, set), (names::POOL_NAME, pool), (names::REVISION, revision)] {
        labels[key] = json!(value);
    }
    let metadata = json!({
        "generateName": format!("{set}-{pool}-"), "labels": labels, "annotations": {names::REF_POOL: pool},
    });
    json!({"apiVersion": "apps/v1", "metadata": metadata, "spec": spec})
}
