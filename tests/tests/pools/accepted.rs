//! What a NodePool may be: what is filled in, and what OpenYurt's own manager writes.

use anyhow::{Context as _, Result};
use api::node_pool::{NodePool, NodePoolSpec};
use kube::Api;
use planner::election::{Settings, Strategy};
use serde_json::{Value, json};

use super::{apply, cluster, pool, read, refusal, says};

#[tokio::test]
async fn a_pool_with_nothing_but_a_name_has_all_defaults() -> Result<()> {
    let cluster = cluster().await?;
    let mut bare = pool("bare", &Value::Null);
    bare.as_object_mut().context("a pool is an object")?.remove("spec");
    apply(cluster, &bare).await?;
    let services = json!({"group": "", "version": "v1", "resource": "services"});
    let slices = json!({"group": "discovery.k8s.io", "version": "v1", "resource": "endpointslices"});
    let expected = json!({
        "type": "Edge",
        "hostNetwork": false,
        "interConnectivity": false,
        "enableLeaderElection": false,
        "leaderElectionStrategy": "random",
        "leaderReplicas": 1,
        "poolScopeMetadata": [services, slices],
    });
    assert_eq!(read(cluster, "bare").await?["spec"], expected);
    let pools: Api<NodePool> = Api::all(cluster.client()?);
    let read = pools.get("bare").await?;
    assert_eq!(read.spec, NodePoolSpec::default());
    assert_eq!(read.spec.pool_scoped(), ["/v1/services", "discovery.k8s.io/v1/endpointslices"]);
    assert_eq!(read.spec.election(), Settings::Disabled);
    Ok(())
}

/// Objects as Go writes them: empty fields left out or null, times null.
#[tokio::test]
async fn what_yurt_manager_writes_is_taken_and_read_back() -> Result<()> {
    let cluster = cluster().await?;
    let written = json!({
        "apiVersion": "apps.openyurt.io/v1beta2",
        "kind": "NodePool",
        "metadata": {"name": "openyurt", "creationTimestamp": null, "labels": {"nodepool.openyurt.io/type": "edge"}},
        "spec": {
            "type": "Edge",
            "labels": {"region": "hz", "empty": ""},
            "annotations": {"example.com/text": "any text, 1 2 3"},
            "taints": [{"key": "edge", "value": "yes", "effect": "NoSchedule", "timeAdded": null}],
            "interConnectivity": true,
            "leaderElectionStrategy": "mark",
            "leaderNodeLabelSelector": {"leader": "true"},
            "enableLeaderElection": true,
            "poolScopeMetadata": [
                {"group": "", "version": "v1", "resource": "services"},
                {"group": "discovery.k8s.io", "version": "v1", "resource": "endpointslices"},
            ],
            "leaderReplicas": 3,
        },
        "status": {"readyNodeNum": 0, "unreadyNodeNum": 0, "leaderLastElectedTime": null},
    });
    cluster.kubectl_with_input(&["create", "--validate=strict", "-f", "-"], &written.to_string()).await?;
    let mut counted = read(cluster, "openyurt").await?;
    counted["status"] = json!({
        "readyNodeNum": 2,
        "unreadyNodeNum": 1,
        "nodes": ["a", "b", "c"],
        "leaderEndpoints": [{"nodeName": "a", "address": "10.0.0.1"}, {"nodeName": "b", "address": "fd00::b"}],
        "leaderNum": 2,
        "leaderLastElectedTime": null,
    });
    let replace = ["replace", "--subresource=status", "--validate=strict", "-f", "-"];
    cluster.kubectl_with_input(&replace, &counted.to_string()).await?;

    let pools: Api<NodePool> = Api::all(cluster.client()?);
    let read = pools.get("openyurt").await?;
    assert_eq!(
        read.spec.election(),
        Settings::Enabled { strategy: Strategy::Mark([("leader".to_owned(), "true".to_owned())].into()), replicas: 3 }
    );
    let status = read.status.context("no status")?;
    assert_eq!((status.ready_node_num, status.unready_node_num, status.leader_num), (2, 1, 2));
    let leaders: Vec<_> = status.leaders().iter().map(|leader| format!("{}/{}", leader.name, leader.address)).collect();
    assert_eq!(leaders, ["a/10.0.0.1", "b/fd00::b"]);
    assert_eq!(status.leader_last_elected_time, None);
    assert!(status.other.is_empty(), "{:?}", status.other);
    Ok(())
}

/// As `deploy/crds` says: whoever comes second changes nothing.
#[tokio::test]
async fn a_definition_that_is_there_is_not_replaced() -> Result<()> {
    let cluster = cluster().await?;
    let generation = ["get", "crd", "nodepools.apps.openyurt.io", "--output=jsonpath={.metadata.generation}"];
    let before = cluster.kubectl(&generation).await?;
    let file = xtask::paths::workspace().join(super::DEFINITION).display().to_string();
    let said = refusal(cluster.kubectl(&["create", "-f", &file]).await)?;
    says(&said, &["AlreadyExists", "nodepools.apps.openyurt.io"]);
    assert_eq!(cluster.kubectl(&generation).await?, before);
    Ok(())
}
