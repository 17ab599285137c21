//! Reading a snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::approval_request::ApprovalRequest;
use api::controller_revision::ControllerRevision;
use api::daemon_set::DaemonSet;
use api::node_pool::NodePool;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::api::{ListParams, Request};
use kube::core::Selector;
use kube::{Api, Resource, ResourceExt as _};
use planner::fleet::{Name, Node, Pod};
use planner::strategy::PoolLabels;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Snapshot, decode};
use crate::call::{Call, CallError};
use crate::reach::Cluster;

/// How many objects one answer holds: as kubectl asks for them.
const PAGE: u32 = 500;

/// How fresh an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// What is stored now.
    Exact,
    /// What the API server has in its cache: a fraction of a second old, and cheap. For looking again and again.
    Cached,
}

/// What a decoded list needs.
#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
    metadata: ListMeta,
}

/// Reads everything about one DaemonSet.
pub async fn read(cluster: &Cluster, namespace: &str, name: &str, how: Freshness) -> Result<Snapshot, CallError> {
    let client = &cluster.client;
    let denied = |verb, group, resource| move |error| Call::of(verb, group, resource, Some(namespace)).failed(error);
    let path = apps::DaemonSet::url_path(&(), Some(namespace));
    let request = Request::new(path.clone()).get(name, &kube::api::GetParams::default());
    let daemon_set: DaemonSet = match request {
        Ok(request) => client.request(request).await,
        Err(error) => Err(kube::Error::BuildRequest(error)),
    }
    .map_err(denied("get", "apps", "daemonsets"))?;
    let revisions = async {
        let path = apps::ControllerRevision::url_path(&(), Some(namespace));
        pages::<ControllerRevision>(cluster, &path, how).await.map_err(denied("list", "apps", "controllerrevisions"))
    };
    let approvals = async {
        let api: Api<ApprovalRequest> = Api::namespaced(client.clone(), namespace);
        optional(list(&api, how, None).await).map_err(denied("list", api::names::GROUP, "approvalrequests"))
    };
    let (revisions, nodes, pods, pools, approvals) = futures::try_join!(
        revisions,
        nodes(cluster, how),
        pods(cluster, &daemon_set, how),
        pools(cluster, how),
        approvals
    )?;
    Ok(Snapshot {
        at: Timestamp::now(),
        daemon_set,
        revisions,
        nodes,
        pods,
        pools,
        approvals,
        dependencies: Vec::new(),
    })
}

/// The same for a DaemonSet that does not exist yet.
pub async fn without_daemon_set(cluster: &Cluster, daemon_set: &DaemonSet) -> Result<Snapshot, CallError> {
    let (nodes, pools) = futures::try_join!(nodes(cluster, Freshness::Exact), pools(cluster, Freshness::Exact))?;
    let (daemon_set, at) = (daemon_set.clone(), Timestamp::now());
    Ok(Snapshot {
        at,
        daemon_set,
        revisions: Vec::new(),
        nodes,
        pods: BTreeMap::new(),
        pools,
        approvals: Vec::new(),
        dependencies: Vec::new(),
    })
}

/// All nodes, by name.
pub async fn nodes(cluster: &Cluster, how: Freshness) -> Result<Vec<Arc<Node>>, CallError> {
    let api: Api<core::Node> = Api::all(cluster.client.clone());
    let listed = list(&api, how, None).await.map_err(|error| Call::of("list", "", "nodes", None).failed(error))?;
    let mut nodes: Vec<_> = listed.iter().map(|node| Arc::new(decode::node(node))).collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(nodes)
}

async fn pods(
    cluster: &Cluster,
    daemon_set: &DaemonSet,
    how: Freshness,
) -> Result<BTreeMap<Name, Vec<Pod>>, CallError> {
    let namespace = daemon_set.metadata.namespace.as_str();
    let api: Api<core::Pod> = Api::namespaced(cluster.client.clone(), namespace);
    // A selector that cannot be read narrows nothing: pods are told apart by their owner anyway.
    let selector = Selector::try_from(daemon_set.spec.selector.clone()).ok().map(|selector| selector.to_string());
    let listed = list(&api, how, selector.as_deref()).await;
    let listed = listed.map_err(|error| Call::of("list", "", "pods", Some(namespace)).failed(error))?;
    let mut pods: BTreeMap<Name, Vec<Pod>> = BTreeMap::new();
    for (node, pod) in listed.iter().filter_map(|pod| decode::pod(pod, &daemon_set.metadata.uid)) {
        pods.entry(node).or_default().push(pod);
    }
    Ok(pods)
}

/// A cluster without OpenYurt has no NodePools; a user who may not read them is shown pools without their labels.
pub async fn pools(cluster: &Cluster, how: Freshness) -> Result<Vec<PoolLabels>, CallError> {
    let api: Api<NodePool> = Api::all(cluster.client.clone());
    let listed = optional(list(&api, how, None).await);
    let listed = listed.map_err(|error| Call::of("list", "apps.openyurt.io", "nodepools", None).failed(error))?;
    let labels = |pool: &NodePool| PoolLabels {
        pool: pool.name_any().into(),
        labels: pool.labels().iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
    };
    let mut pools: Vec<_> = listed.iter().map(labels).collect();
    pools.sort_by(|a, b| a.pool.cmp(&b.pool));
    Ok(pools)
}

/// Nothing, where the kind is unknown or the user may not read it.
pub(crate) fn optional<T>(listed: Result<Vec<T>, kube::Error>) -> Result<Vec<T>, kube::Error> {
    match listed {
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 403 => Ok(Vec::new()),
        other => other,
    }
}

pub(crate) async fn list<K>(api: &Api<K>, how: Freshness, labels: Option<&str>) -> Result<Vec<K>, kube::Error>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let params = labels.map_or_else(ListParams::default, |labels| ListParams::default().labels(labels));
    all(how, params, async |params| {
        let page = api.list(&params).await?;
        Ok((page.items, page.metadata.continue_))
    })
    .await
}

/// A list whose items are decoded as far as they are needed.
pub(crate) async fn pages<T: DeserializeOwned>(
    cluster: &Cluster,
    path: &str,
    how: Freshness,
) -> Result<Vec<T>, kube::Error> {
    all(how, ListParams::default(), async |params| {
        let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
        let page = cluster.client.request::<Items<T>>(request).await?;
        Ok((page.items, page.metadata.continue_))
    })
    .await
}

/// All pages of a list; the API server's cache has it in one.
async fn all<T>(
    how: Freshness,
    params: ListParams,
    page: impl AsyncFn(ListParams) -> Result<(Vec<T>, Option<String>), kube::Error>,
) -> Result<Vec<T>, kube::Error> {
    if how == Freshness::Cached {
        return Ok(page(params.match_any()).await?.0);
    }
    let mut params = params.limit(PAGE);
    let mut all = Vec::new();
    loop {
        let (items, next) = page(params.clone()).await?;
        all.extend(items);
        match next.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}
