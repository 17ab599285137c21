//! Strategies, runs and approvals, as kubectl meets them: what is refused and how it is said, what is filled in and shown, who
//! may decide. Nothing of Drover runs here: the API server judges all of it.

mod accepted;
mod approvals;
mod deployment;
mod placement;
mod refused;
mod runs;
mod shown;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tests::fixture::eventually;
use tokio::sync::OnceCell;
use xtask::cluster::{Cluster, ClusterSpec};
use xtask::paths;

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const LONG: Duration = Duration::from_mins(3);
const VERSION: &str = "drover.dev/v1alpha1";
const FILES: [&str; 5] = [
    "deploy/crds/approvalrequests.drover.dev.yaml",
    "deploy/crds/fleetrollouts.drover.dev.yaml",
    "deploy/crds/rolloutstrategies.drover.dev.yaml",
    "deploy/rollouts/policies.yaml",
    "deploy/rollouts/user-roles.yaml",
];

/// A cluster that knows Drover's kinds and enforces its policies.
async fn cluster() -> Result<&'static Cluster> {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_try_init(start).await
}

async fn start() -> Result<Cluster> {
    let cluster = Cluster::start(ClusterSpec::new(0, 1).long_leases()).await?;
    for file in FILES {
        cluster.apply(&std::fs::read_to_string(paths::workspace().join(file))?).await?;
    }
    // The API server enforces a policy, and explains a kind, some time after it took it.
    eventually("the kinds to be explained", LONG, async || {
        for field in ["fleetrollouts.spec", "rolloutstrategies.spec", "approvalrequests.spec"] {
            if cluster.kubectl(&["explain", field]).await.is_err() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await?;
    create(&cluster, &daemon_set("probe", &json!({"drover.dev/strategy": "any"}))).await?;
    let decided = json!({"decision": "Approved", "approver": "nobody"});
    let decided = request("default", "probe", &decided).to_string();
    eventually("the policies to be enforced", LONG, async || {
        let create = ["create", "--dry-run=server", "-f", "-"];
        let approved = cluster.kubectl_with_input(&create, &decided).await.map(drop);
        let moved = placement::edit(&cluster, "probe", &["--dry-run=server"], &placement::both()).await;
        let denied = |outcome: Result<()>| outcome.is_err_and(|error| format!("{error:#}").contains("denied request"));
        Ok((denied(approved) && denied(moved)).then_some(()))
    })
    .await?;
    Ok(cluster)
}

fn strategy(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": VERSION, "kind": "RolloutStrategy", "metadata": {"name": name}, "spec": spec})
}

/// A run as daemon-updater makes it, with these fields in its spec.
fn run(name: &str, more: &Value) -> Value {
    let mut spec = json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "1"},
        "revision": {"name": "agent-1", "number": 1},
    });
    extend(&mut spec, more);
    json!({"apiVersion": VERSION, "kind": "FleetRollout", "metadata": {"name": name}, "spec": spec})
}

/// A request as daemon-updater makes it, with these fields in its spec.
fn request(namespace: &str, name: &str, more: &Value) -> Value {
    let mut spec = json!({"rolloutRef": {"name": "agent-1", "uid": "1"}, "wave": "canary", "point": "BeforeWave"});
    extend(&mut spec, more);
    let metadata = json!({"name": name, "namespace": namespace});
    json!({"apiVersion": VERSION, "kind": "ApprovalRequest", "metadata": metadata, "spec": spec})
}

fn daemon_set(name: &str, annotations: &Value) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "OnDelete"},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "example.com/main:v1"}]},
            },
        },
    })
}

fn extend(spec: &mut Value, more: &Value) {
    if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
        spec.extend(more.clone());
    }
}

/// Creates an object as it is written: a server-side apply would merge duplicates before they are judged.
async fn create(cluster: &Cluster, object: &Value) -> Result<()> {
    cluster.kubectl_with_input(&["create", "-f", "-"], &object.to_string()).await.map(drop)
}

async fn patch(cluster: &Cluster, object: &str, patch: &Value) -> Result<()> {
    cluster.kubectl(&["patch", object, "--type=merge", "-p", &patch.to_string()]).await.map(drop)
}

async fn read(cluster: &Cluster, object: &str) -> Result<Value> {
    let text = cluster.kubectl(&["get", object, "--output=json"]).await?;
    serde_json::from_str(&text).with_context(|| text.clone())
}

/// A right that was just given is known to the API server a moment later.
async fn await_right(cluster: &Cluster, namespace: &str, user: &str, right: &[&str]) -> Result<()> {
    let ask = [&["auth", "can-i", "--quiet", "--namespace", namespace, "--as", user], right].concat();
    eventually("the right to be known", LONG, async || Ok(cluster.kubectl(&ask).await.ok().map(drop))).await
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
