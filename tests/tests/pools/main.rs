//! NodePools and the nodes in them, as kubectl meets them: what is refused and how it is said, what is filled in, and what
//! OpenYurt's own manager may write. Nothing of Drover runs here: the API server judges all of it.

mod accepted;
mod deletion;
mod deployment;
mod moves;
mod refused;
mod shown;

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tests::fixture::eventually;
use tokio::sync::OnceCell;
use xtask::cluster::{Cluster, ClusterSpec};
use xtask::paths;

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);
const DEFINITION: &str = "deploy/crds/nodepools.apps.openyurt.io.yaml";
const POLICIES: &str = "deploy/leader-endpoints-controller/policies.yaml";

/// A cluster that knows NodePools and judges them, and its nodes, by our policies.
async fn cluster() -> Result<&'static Cluster> {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_try_init(start).await
}

async fn start() -> Result<Cluster> {
    let cluster = Cluster::start(ClusterSpec::new(0, 1).long_leases()).await?;
    for file in [DEFINITION, POLICIES] {
        cluster.apply(&std::fs::read_to_string(paths::workspace().join(file))?).await?;
    }
    // The API server enforces a policy, and explains a kind, some time after it took it.
    let probe = Probe::make(&cluster).await?;
    eventually("the policies to be enforced", LONG, async || {
        let deleted = cluster.kubectl(&["delete", "nodepool", probe.pool, "--dry-run=server"]).await;
        let moved = label(&cluster, probe.node, "apps.openyurt.io/nodepool=elsewhere", &["--dry-run=server"]).await;
        let denied = |outcome: Result<()>| outcome.is_err_and(|error| format!("{error:#}").contains("drover.dev"));
        Ok((denied(deleted.map(drop)) && denied(moved)).then_some(()))
    })
    .await?;
    eventually("NodePools to be explained", LONG, async || {
        Ok(cluster.kubectl(&["explain", "nodepools.spec.leaderReplicas"]).await.ok())
    })
    .await?;
    Ok(cluster)
}

/// A pool that counts a node, and a node in a pool.
struct Probe {
    pool: &'static str,
    node: &'static str,
}

impl Probe {
    async fn make(cluster: &Cluster) -> Result<Self> {
        let probe = Self { pool: "probe", node: "probe" };
        apply(cluster, &pool(probe.pool, &json!({}))).await?;
        set_status(cluster, probe.pool, &json!({"readyNodeNum": 1, "unreadyNodeNum": 0})).await?;
        apply(cluster, &node(probe.node, &json!({"apps.openyurt.io/nodepool": "probe"}))).await?;
        Ok(probe)
    }
}

fn pool(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool", "metadata": {"name": name}, "spec": spec})
}

fn node(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
}

async fn apply(cluster: &Cluster, object: &Value) -> Result<()> {
    let args = ["apply", "--server-side", "-f", "-"];
    cluster.kubectl_with_input(&args, &object.to_string()).await.map(drop)
}

/// Reads a NodePool as JSON.
async fn read(cluster: &Cluster, name: &str) -> Result<Value> {
    Ok(serde_json::from_str(&cluster.kubectl(&["get", "nodepool", name, "--output=json"]).await?)?)
}

async fn set_status(cluster: &Cluster, name: &str, status: &Value) -> Result<()> {
    let patch = json!({"status": status}).to_string();
    cluster.kubectl(&["patch", "nodepool", name, "--subresource=status", "--type=merge", "-p", &patch]).await.map(drop)
}

async fn label(cluster: &Cluster, node: &str, label: &str, more: &[&str]) -> Result<()> {
    let args = [&["label", "node", node, label, "--overwrite"], more].concat();
    cluster.kubectl(&args).await.map(drop)
}

/// The words of a refusal; an error if there was none.
fn refusal<T>(outcome: Result<T>) -> Result<String> {
    match outcome {
        Ok(_) => bail!("it was not refused"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

/// Makes sure that a text has all of these words.
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}
