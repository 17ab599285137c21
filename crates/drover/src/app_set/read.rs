//! Reading a YurtAppSet and what belongs to it.

use api::approval_request::ApprovalRequest;
use api::names::{self, app_set::WorkloadKind};
use api::node_pool::NodePool;
use api::yurt_app_set::YurtAppSet;
use appset_controller::pools::Pool;
use appset_controller::revisions::Revision;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1 as apps;
use kube::{Api, Resource};
use serde_json::Value;

use super::{AppSet, Workload};
use crate::call::{Call, CallError};
use crate::reach::Cluster;
use crate::snapshot::{Freshness, list, optional, pages};

/// The API group of YurtAppSets and NodePools.
const GROUP: &str = "apps.openyurt.io";

/// A YurtAppSet alone.
pub async fn get(cluster: &Cluster, namespace: &str, name: &str) -> Result<YurtAppSet, CallError> {
    let api: Api<YurtAppSet> = Api::namespaced(cluster.client.clone(), namespace);
    let found = api.get(name).await;
    found.map_err(|error| Call::of("get", GROUP, "yurtappsets", Some(namespace)).failed(error))
}

/// Everything about one YurtAppSet.
pub async fn read(cluster: &Cluster, namespace: &str, name: &str, how: Freshness) -> Result<AppSet, CallError> {
    around(cluster, get(cluster, namespace, name).await?, how).await
}

/// Everything about a YurtAppSet that may be otherwise in the cluster, or not there at all.
pub async fn around(cluster: &Cluster, set: YurtAppSet, how: Freshness) -> Result<AppSet, CallError> {
    let namespace = set.metadata.namespace.clone().unwrap_or_default();
    let namespace = namespace.as_str();
    let denied = |group, resource| move |error| Call::of("list", group, resource, Some(namespace)).failed(error);
    let deployments = workloads::<apps::Deployment>(cluster, namespace, WorkloadKind::Deployment, how);
    let stateful_sets = workloads::<apps::StatefulSet>(cluster, namespace, WorkloadKind::StatefulSet, how);
    let history = async {
        let path = apps::ControllerRevision::url_path(&(), Some(namespace));
        let listed: Vec<Value> = pages(cluster, &path, how).await.map_err(denied("apps", "controllerrevisions"))?;
        Ok(listed.iter().map(Revision::read).collect())
    };
    let approvals = async {
        let api: Api<ApprovalRequest> = Api::namespaced(cluster.client.clone(), namespace);
        optional(list(&api, how, None).await).map_err(denied(names::GROUP, "approvalrequests"))
    };
    let (mut workloads, stateful_sets, pools, history, approvals) =
        futures::try_join!(deployments, stateful_sets, pools(cluster, how), history, approvals)?;
    workloads.extend(stateful_sets);
    Ok(AppSet { at: Timestamp::now(), set, pools, workloads, history, approvals, dependencies: Vec::new() })
}

async fn workloads<K: Resource<DynamicType = ()>>(
    cluster: &Cluster,
    namespace: &str,
    kind: WorkloadKind,
    how: Freshness,
) -> Result<Vec<Workload>, CallError> {
    let resource = match kind {
        WorkloadKind::Deployment => "deployments",
        WorkloadKind::StatefulSet => "statefulsets",
    };
    let listed: Vec<Value> = pages(cluster, &K::url_path(&(), Some(namespace)), how)
        .await
        .map_err(|error| Call::of("list", "apps", resource, Some(namespace)).failed(error))?;
    Ok(listed.iter().map(|object| Workload::read(kind, object)).collect())
}

/// All NodePools, by name. Without them nobody can say which are chosen.
async fn pools(cluster: &Cluster, how: Freshness) -> Result<Vec<Pool>, CallError> {
    let listed: Vec<Value> = pages(cluster, &NodePool::url_path(&(), None), how)
        .await
        .map_err(|error| Call::of("list", GROUP, "nodepools", None).failed(error))?;
    let mut pools: Vec<Pool> = listed.iter().map(pool).collect();
    pools.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(pools)
}

/// One whose status does not say how many of its nodes are Ready counts as reachable.
fn pool(object: &Value) -> Pool {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    let ready = object.pointer("/status/readyNodeNum").and_then(Value::as_i64);
    Pool::new(text("name"), labels).seen(text("uid").parse().unwrap_or_default(), ready)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pool_whose_status_says_nothing_of_its_nodes_is_reachable() {
        let reachable = |status: Value| {
            let metadata =
                json!({"name": "shop", "uid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "labels": {"tier": "lab"}});
            let read = pool(&json!({"metadata": metadata, "status": status}));
            assert_eq!((&*read.name, read.labels().len()), ("shop", 1));
            read.reachable
        };
        assert_eq!([json!(null), json!({"leaderNum": 1}), json!({"readyNodeNum": 2})].map(reachable), [true; 3]);
        assert!(!reachable(json!({"readyNodeNum": 0})));
    }
}
