//! Whether the outputs tell the truth.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use api::names::pool::{data, leader_hub};
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Node};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use xtask::nodes::{is_ready, pool_of};

use super::stage::pool_name;

/// Compares the outputs of so many pools with the nodes: each must name one Ready node of its pool at its address.
pub(super) async fn check(client: &Client, pools: u32) -> Result<()> {
    let all = ListParams::default();
    let nodes = Api::<Node>::all(client.clone()).list(&all).await.context("listing nodes")?;
    let endpoints: Api<Endpoints> = Api::namespaced(client.clone(), "kube-system");
    let endpoints = by_name(&endpoints.list(&all).await.context("listing Endpoints")?.items, endpoints_leaders);
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    let config_maps = by_name(&config_maps.list(&all).await.context("listing ConfigMaps")?.items, config_map_leaders);
    let able: BTreeSet<(String, String)> = nodes.iter().filter(|node| is_ready(node)).filter_map(candidate).collect();
    for pool in (1..=pools).map(pool_name) {
        for (kind, outputs) in [("Endpoints", &endpoints), ("ConfigMap", &config_maps)] {
            let leaders = outputs.get(&leader_hub(&pool)).map(String::as_str).unwrap_or_default();
            let good = able.contains(&(pool.clone(), leaders.to_owned()));
            ensure!(good, "{kind} of {pool} sends edges to {leaders:?}, not to one Ready node of the pool");
        }
    }
    Ok(())
}

fn by_name<T: kube::Resource>(objects: &[T], leaders: fn(&T) -> String) -> BTreeMap<String, String> {
    objects.iter().map(|object| (object.name_any(), leaders(object))).collect()
}

/// Pool and `name/address` of a node.
fn candidate(node: &Node) -> Option<(String, String)> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let internal = addresses.iter().find(|address| address.type_ == "InternalIP")?;
    Some((pool_of(node)?.to_owned(), format!("{}/{}", node.name_any(), internal.address)))
}

fn endpoints_leaders(endpoints: &Endpoints) -> String {
    let addresses = endpoints.subsets.iter().flatten().flat_map(|subset| subset.addresses.iter().flatten());
    let leaders = addresses.map(|at| format!("{}/{}", at.node_name.as_deref().unwrap_or_default(), at.ip));
    leaders.collect::<Vec<_>>().join(",")
}

fn config_map_leaders(config_map: &ConfigMap) -> String {
    let leaders = config_map.data.as_ref().and_then(|of| of.get(data::LEADERS));
    leaders.cloned().unwrap_or_default()
}
