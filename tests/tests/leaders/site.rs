//! A scenario's own pool, with nodes that do as they are told.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use api::node_pool::{NodePool, NodePoolCondition};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Event, Node};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tests::fixture::eventually;
use xtask::nodes::{OFFLINE_LABEL, POOL_LABEL};

use super::{LONG, Stage};

/// Where leaders are published.
pub(crate) const WORKING: &str = "kube-system";

/// Leaders by name of node and address.
pub(crate) type Leaders = BTreeSet<(String, String)>;

/// A pool and its nodes.
pub(crate) struct Site {
    pub(crate) pool: String,
    pub(crate) client: Client,
}

impl Site {
    /// A pool of this name and spec, without nodes.
    pub(crate) async fn open(stage: &Stage, pool: &str, spec: Value) -> Result<Self> {
        let site = Self { pool: pool.to_owned(), client: stage.cluster.client()? };
        let object = json!({
            "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool", "metadata": {"name": pool}, "spec": spec,
        });
        // As it is: a NodePool of ours would name every field, and get no default.
        let pools: Api<DynamicObject> = Api::all_with(site.client.clone(), &ApiResource::erase::<NodePool>(&()));
        pools.create(&PostParams::default(), &serde_json::from_value(object)?).await.context("making the pool")?;
        Ok(site)
    }

    /// A pool that elects so many leaders by strategy random, with Ready nodes of these addresses.
    pub(crate) async fn electing(stage: &Stage, pool: &str, replicas: u32, nodes: &[(&str, &str)]) -> Result<Self> {
        let site = Self::open(stage, pool, json!({"enableLeaderElection": true, "leaderReplicas": replicas})).await?;
        for (node, address) in nodes {
            site.add(node, address, &json!({})).await?;
        }
        Ok(site)
    }

    /// A Ready node in the pool. No kubelet, not even a pretended one, is there to change it.
    pub(crate) async fn add(&self, node: &str, address: &str, labels: &Value) -> Result<()> {
        let name = self.node(node);
        let mut all = json!({POOL_LABEL: self.pool, OFFLINE_LABEL: "true"});
        let more = labels.as_object().context("labels")?.clone();
        all.as_object_mut().context("labels")?.extend(more);
        let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": all}});
        self.nodes().create(&PostParams::default(), &serde_json::from_value(object)?).await.context("making a node")?;
        self.address(node, address).await?;
        self.ready(node, true).await
    }

    /// A node's full name.
    pub(crate) fn node(&self, node: &str) -> String {
        format!("{}-{node}", self.pool)
    }

    /// Sets a node's condition Ready, as kubelet or, where it is not, the node controller does.
    pub(crate) async fn ready(&self, node: &str, ready: bool) -> Result<()> {
        let status = if ready { "True" } else { "Unknown" };
        let condition = json!({
            "type": "Ready", "status": status, "reason": "Told", "message": "", "lastTransitionTime": Timestamp::now(),
        });
        self.set(node, &json!({"conditions": [condition]})).await
    }

    /// Gives a node another InternalIP.
    pub(crate) async fn address(&self, node: &str, address: &str) -> Result<()> {
        let hostname = json!({"type": "Hostname", "address": self.node(node)});
        let replaced = json!([{"type": "InternalIP", "address": address}, hostname, {"$patch": "replace"}]);
        self.set(node, &json!({"addresses": replaced})).await
    }

    async fn set(&self, node: &str, status: &Value) -> Result<()> {
        let patch = Patch::Strategic(json!({"status": status}));
        let changed = self.nodes().patch_status(&self.node(node), &PatchParams::default(), &patch).await;
        changed.map(drop).with_context(|| format!("telling node {}", self.node(node)))
    }

    /// Changes a node's metadata or spec.
    pub(crate) async fn change_node(&self, node: &str, patch: &Value) -> Result<()> {
        let changed = self.nodes().patch(&self.node(node), &PatchParams::default(), &Patch::Merge(patch)).await;
        changed.map(drop).with_context(|| format!("changing node {}", self.node(node)))
    }

    /// Deletes a node.
    pub(crate) async fn delete_node(&self, node: &str) -> Result<()> {
        self.nodes().delete(&self.node(node), &DeleteParams::default()).await.context("deleting a node").map(drop)
    }

    /// A node as it is.
    pub(crate) async fn read_node(&self, node: &str) -> Result<Node> {
        self.nodes().get(&self.node(node)).await.context("reading a node")
    }

    /// Changes the pool's spec.
    pub(crate) async fn change(&self, spec: &Value) -> Result<()> {
        let patch = Patch::Merge(json!({"spec": spec}));
        let changed = self.pools().patch(&self.pool, &PatchParams::default(), &patch).await;
        changed.map(drop).context("changing the pool")
    }

    /// Who leads, once everything that is published says the same.
    pub(crate) async fn published(&self) -> Result<Option<Leaders>> {
        let name = format!("leader-hub-{}", self.pool);
        let (maps, endpoints) = (self.config_maps(), self.endpoints());
        let (Some(map), Some(endpoints)) = tokio::try_join!(maps.get_opt(&name), endpoints.get_opt(&name))? else {
            return Ok(None);
        };
        let status = self.read().await?.status.unwrap_or_default();
        let of_status: Leaders =
            status.leader_endpoints.into_iter().map(|leader| (leader.node_name, leader.address)).collect();
        let all = [leaders_of_map(&map)?, leaders_of_endpoints(&endpoints)?, self.in_slices().await?];
        Ok(all.iter().all(|leaders| *leaders == of_status).then_some(of_status))
    }

    async fn in_slices(&self) -> Result<Leaders> {
        let mut leaders = Leaders::new();
        for family in ["ipv4", "ipv6"] {
            let slice = self.slices().get_opt(&format!("leader-hub-{}-{family}", self.pool)).await?;
            for endpoint in slice.into_iter().flat_map(|slice| slice.endpoints.into_iter().flatten()) {
                let node = endpoint.node_name.context("an endpoint without node")?;
                leaders.extend(endpoint.addresses.into_iter().map(|address| (node.clone(), address)));
            }
        }
        Ok(leaders)
    }

    /// Waits until everything that is published says the same, and this about who leads.
    pub(crate) async fn await_leaders(&self, what: &str, wanted: impl Fn(&Leaders) -> bool) -> Result<Leaders> {
        let what = format!("{what} in pool {}", self.pool);
        let found = eventually(&what, LONG, async || Ok(self.published().await?.filter(&wanted))).await;
        match found {
            Ok(leaders) => Ok(leaders),
            Err(error) => Err(error.context(format!("the pool's status: {}", json!(self.read().await?.status)))),
        }
    }

    /// Waits until exactly these nodes lead.
    pub(crate) async fn await_led_by(&self, nodes: &[&str]) -> Result<Leaders> {
        let expected: BTreeSet<_> = nodes.iter().map(|node| self.node(node)).collect();
        let exactly =
            |leaders: &Leaders| leaders.iter().map(|(node, _)| node.clone()).collect::<BTreeSet<_>>() == expected;
        self.await_leaders(&format!("{nodes:?} to lead"), exactly).await
    }

    /// Waits until so many nodes lead, and returns their short names.
    pub(crate) async fn await_count(&self, count: usize) -> Result<Vec<String>> {
        let leaders = self.await_leaders(&format!("{count} leaders"), |leaders| leaders.len() == count).await?;
        let prefix = format!("{}-", self.pool);
        let short = |(node, _): (String, String)| node.strip_prefix(&prefix).map(str::to_owned);
        leaders.into_iter().map(|leader| short(leader).context("a node of another pool")).collect()
    }

    /// The pool as it is.
    pub(crate) async fn read(&self) -> Result<NodePool> {
        self.pools().get(&self.pool).await.context("reading the pool")
    }

    /// Waits until a condition of the pool is as wanted.
    pub(crate) async fn await_condition(
        &self,
        kind: &str,
        wanted: impl Fn(&NodePoolCondition) -> bool,
    ) -> Result<NodePoolCondition> {
        let mut last = None;
        let what = format!("condition {kind} of pool {}", self.pool);
        let found = eventually(&what, LONG, async || {
            let conditions = self.read().await?.status.unwrap_or_default().conditions;
            last = conditions.into_iter().find(|condition| condition.kind == kind);
            Ok(last.clone().filter(&wanted))
        });
        match found.await {
            Ok(condition) => Ok(condition),
            Err(error) => Err(error.context(format!("last: {}", json!(last)))),
        }
    }

    /// Waits for an event with this reason on the pool, or on an object of this name.
    pub(crate) async fn await_event(&self, object: &str, reason: &str) -> Result<Event> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let of = ListParams::default().fields(&format!("involvedObject.name={object},reason={reason}"));
        eventually(&format!("event {reason} on {object}"), LONG, async || Ok(events.list(&of).await?.items.pop())).await
    }

    /// The data of the pool's ConfigMap.
    pub(crate) async fn data(&self) -> Result<Value> {
        let map =
            self.config_maps().get(&format!("leader-hub-{}", self.pool)).await.context("reading the ConfigMap")?;
        Ok(json!(map.data))
    }

    pub(crate) fn pools(&self) -> Api<NodePool> {
        Api::all(self.client.clone())
    }

    pub(crate) fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    pub(crate) fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), WORKING)
    }

    pub(crate) fn endpoints(&self) -> Api<Endpoints> {
        Api::namespaced(self.client.clone(), WORKING)
    }

    pub(crate) fn slices(&self) -> Api<EndpointSlice> {
        Api::namespaced(self.client.clone(), WORKING)
    }
}

fn leaders_of_map(map: &ConfigMap) -> Result<Leaders> {
    let text = map.data.as_ref().and_then(|data| data.get("leaders")).context("a ConfigMap without leaders")?;
    let leader = |leader: &str| {
        let (node, address) = leader.split_once('/').with_context(|| format!("leader {leader:?}"))?;
        Ok((node.to_owned(), address.to_owned()))
    };
    text.split(',').filter(|leader| !leader.is_empty()).map(leader).collect()
}

fn leaders_of_endpoints(endpoints: &Endpoints) -> Result<Leaders> {
    let mut leaders = Leaders::new();
    for subset in endpoints.subsets.iter().flatten() {
        ensure!(subset.not_ready_addresses.is_none(), "addresses that are not ready: {subset:?}");
        let ports: Vec<_> = subset.ports.iter().flatten().map(|port| (port.name.as_deref(), port.port)).collect();
        ensure!(ports == [(Some("multiplexer"), 10269)], "ports: {subset:?}");
        for address in subset.addresses.iter().flatten() {
            leaders.insert((address.node_name.clone().context("an address without node")?, address.ip.clone()));
        }
    }
    Ok(leaders)
}
