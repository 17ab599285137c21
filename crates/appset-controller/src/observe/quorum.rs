//! Lists that are read with quorum, a page at a time.

use std::sync::Arc;

use api::node_pool::NodePool;
use k8s_openapi::api::apps::v1 as apps;
use kube::api::{ListParams, Request};
use kube::{Client, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::mirrors::{Deployment, SeenPool, StatefulSet};
use crate::pools::Pool;

/// Objects per page: of workloads of some 6 KB each it is 600 KB.
const PAGE: u32 = 100;

/// Why a list could not be read.
#[derive(Debug, thiserror::Error)]
#[error("reading {what} with quorum")]
pub(crate) struct Unread {
    pub(super) what: &'static str,
    #[source]
    pub(super) source: kube::Error,
}

#[derive(Deserialize)]
struct Page<T> {
    metadata: PageMetadata,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    token: Option<String>,
}

type Lists = (Arc<[Pool]>, Vec<Arc<Deployment>>, Vec<Arc<StatefulSet>>);

/// All NodePools.
pub(super) async fn pools(client: &Client) -> Result<Vec<Pool>, Unread> {
    let pools = list::<SeenPool>(client, NodePool::url_path(&(), None), "NodePools").await?;
    Ok(pools.into_iter().map(|seen| seen.pool).collect())
}

/// All NodePools, and all workloads of a namespace, whatever their labels.
pub(super) async fn lists(client: &Client, namespace: &str) -> Result<Lists, Unread> {
    let (pools, deployments, stateful_sets) = futures::try_join!(
        pools(client),
        list(client, apps::Deployment::url_path(&(), Some(namespace)), "Deployments"),
        list(client, apps::StatefulSet::url_path(&(), Some(namespace)), "StatefulSets"),
    )?;
    let shared = |all: Vec<Deployment>| all.into_iter().map(Arc::new).collect();
    Ok((pools.into(), shared(deployments), stateful_sets.into_iter().map(Arc::new).collect()))
}

async fn list<T: DeserializeOwned>(client: &Client, path: String, what: &'static str) -> Result<Vec<T>, Unread> {
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        // Without a resource version the list is of what is stored, not of a cache.
        let params = ListParams { limit: Some(PAGE), continue_token: token, ..ListParams::default() };
        let failed = |source| Unread { what, source };
        let request = Request::new(path.as_str()).list(&params).map_err(kube::Error::BuildRequest).map_err(failed)?;
        let page: Page<T> = client.request(request).await.map_err(failed)?;
        all.extend(page.items);
        token = page.metadata.token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}
