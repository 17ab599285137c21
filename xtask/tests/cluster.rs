//! The local cluster against its promises, on a real control plane.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::Value;
use xtask::cluster::{Cluster, ClusterSpec, Component};
use xtask::daemonsets::{Daemon, Fixture, is_ready};
use xtask::releases::{KILLS_NODE, NodeKiller};

/// For whatever is to happen: far more than it takes, for machines that are far slower.
const PATIENCE: Duration = Duration::from_mins(3);

/// One fleet through its days: pods run, nodes leave and return, a release kills its nodes, the audit log knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_behaves_like_one() -> Result<()> {
    let cluster = Cluster::start(ClusterSpec::new(12, 3)).await?;
    let client = cluster.client()?;
    cluster.namespace("fleet").await?;
    let agent = Fixture::new("fleet", "agent").auto("25%").apply(&client).await?;
    agent.await_ready("v1", 12, PATIENCE).await?;

    // Offline as a power cut: NotReady after the grace period, a deleted pod stays, nothing new starts.
    let nodes = cluster.nodes()?;
    let off = ["node-001", "node-002"];
    nodes.offline(&off).await?;
    nodes.await_ready(&off, false, PATIENCE).await?;
    let pod = agent.pods_by_node().await?.remove("node-001").unwrap();
    let name = pod.metadata.name.clone().unwrap();
    cluster.kubectl(&["-n", "fleet", "delete", "pod", &name, "--wait=false"]).await?;
    agent.release("v2").await?;
    nodes.online(&off).await?;
    nodes.await_ready(&off, true, PATIENCE).await?;
    let replaced = agent.await_ready("v2", 1, PATIENCE).await?;
    assert!(replaced.contains_key("node-001"), "OnDelete replaces the deleted pod by the newest template");

    // A kubelet that is alive and not ready.
    nodes.not_ready(&["node-003"], true).await?;
    nodes.await_ready(&["node-003"], false, PATIENCE).await?;
    nodes.not_ready(&["node-003"], false).await?;
    nodes.await_ready(&["node-003"], true, PATIENCE).await?;

    // The same name, another node.
    let uid = |nodes: &[k8s_openapi::api::core::v1::Node]| nodes[3].metadata.uid.clone();
    let before = uid(&nodes.list().await?);
    nodes.replace("node-004").await?;
    assert_ne!(uid(&nodes.list().await?), before);

    // A release that takes its node away, and one that never becomes ready.
    let killer = NodeKiller::spawn(client.clone());
    agent.release_with("v3", &[(KILLS_NODE, Some("true"))]).await?;
    delete_pod_of(&cluster, &agent, "node-005").await?;
    nodes.await_ready(&["node-005"], false, PATIENCE).await?;
    assert_eq!(killer.killed(), ["node-005"]);
    agent.release_with("broken", &[(KILLS_NODE, None)]).await?;
    delete_pod_of(&cluster, &agent, "node-006").await?;
    let crash = async || {
        let pods = agent.pods_by_node().await.ok()?;
        let pod = pods.get("node-006")?;
        let state = pod.status.as_ref()?.container_statuses.as_ref()?.first()?.state.as_ref()?;
        (!is_ready(pod)).then(|| state.waiting.as_ref()?.reason.clone())?
    };
    assert_eq!(eventually(crash).await.as_deref(), Some("CrashLoopBackOff"));

    let audit = audit_events(cluster.audit_log().unwrap())?;
    let deletion = audit.iter().find(|event| event["verb"] == "delete" && event["objectRef"]["name"] == *name);
    let deletion = deletion.expect("the deletion of the pod is in the audit log");
    assert_eq!(deletion["user"]["username"], "drover:admin");
    assert_eq!(deletion["responseObject"]["metadata"]["uid"], pod.metadata.uid.unwrap().as_str());
    assert!(deletion["responseObject"]["metadata"]["managedFields"].is_null());
    let node_lease = |event: &Value| {
        event["objectRef"]["namespace"] == "kube-node-lease" && event["objectRef"]["resource"] == "leases"
    };
    assert!(!audit.iter().any(node_lease), "renewals of node leases would drown the rest");
    let watches = audit.iter().filter(|event| event["verb"] == "watch");
    assert!(watches.clone().count() > 0 && watches.clone().all(|event| event["user"]["username"] == "drover:admin"));
    Ok(())
}

/// Two clusters at once, and a process that is a `ServiceAccount` and nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn service_accounts_are_who_they_say_in_each_of_two_clusters() -> Result<()> {
    let (one, two) = tokio::try_join!(Cluster::start(ClusterSpec::new(1, 1)), Cluster::start(ClusterSpec::new(2, 1)))?;
    assert_eq!((one.nodes()?.list().await?.len(), two.nodes()?.list().await?.len()), (1, 2));

    let token = one.service_account_token("default", "default", &["drover"]).await?;
    let review = async |cluster: &Cluster| {
        let spec = TokenReviewSpec { token: token.clone(), audiences: Some(vec!["drover".to_owned()]) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let reviews: Api<TokenReview> = Api::all(cluster.client()?);
        anyhow::Ok(reviews.create(&PostParams::default(), &review).await?.status.unwrap())
    };
    let known = review(&one).await?;
    assert_eq!(known.authenticated, Some(true));
    assert_eq!(known.user.unwrap().username.as_deref(), Some("system:serviceaccount:default:default"));
    assert_ne!(review(&two).await?.authenticated, Some(true));

    let account = Cluster::connect(one.service_account_kubeconfig("default", "default").await?).await?;
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::default_namespaced(account.client()?);
    let refused = pods.list(&ListParams::default()).await.expect_err("an account without a role lists pods");
    assert!(refused.to_string().contains("system:serviceaccount:default:default"), "{refused}");

    two.pause(Component::ControllerManager).await?;
    two.resume(Component::ControllerManager).await?;
    two.restart(Component::ApiServer).await?;
    assert_eq!(two.nodes()?.list().await?.len(), 2, "the store outlives the API server");
    Ok(())
}

/// A test that is killed leaves neither a process nor a file.
#[test]
fn nothing_outlives_a_killed_owner() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut owner = Command::new(std::env::current_exe()?)
        .args(["--exact", "owner_that_waits_to_be_killed", "--ignored", "--nocapture"])
        .env("TMPDIR", scratch.path())
        .stdout(Stdio::null())
        .spawn()?;
    let cluster = wait_until("the cluster", || {
        let dir = std::fs::read_dir(scratch.path()).ok()?.flatten().map(|entry| entry.path()).next()?;
        dir.join("scratch/started").exists().then_some(dir)
    })?;
    let data = etcd_data_of(&cluster)?;
    assert!(data.exists());
    owner.kill()?;
    owner.wait()?;
    wait_until("the end of everything", || {
        let gone = commands_with(&cluster).ok()?.is_empty() && !cluster.exists() && !data.exists();
        gone.then_some(())
    })
}

#[tokio::test]
#[ignore = "run by nothing_outlives_a_killed_owner, which kills it"]
async fn owner_that_waits_to_be_killed() -> Result<()> {
    let cluster = Cluster::start(ClusterSpec::new(1, 1)).await?;
    std::fs::write(cluster.scratch()?.join("started"), "")?;
    std::future::pending().await
}

async fn delete_pod_of(cluster: &Cluster, agent: &Daemon, node: &str) -> Result<()> {
    let pod = agent.pods_by_node().await?.remove(node).context("the node has no pod")?;
    let name = pod.metadata.name.context("a pod without a name")?;
    cluster.kubectl(&["-n", "fleet", "delete", "pod", &name, "--wait=false"]).await.map(drop)
}

async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = look().await {
            return Some(found);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn audit_events(log: &Path) -> Result<Vec<Value>> {
    // The API server may be in the middle of a line.
    let text = std::fs::read_to_string(log)?;
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    complete.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The directory of etcd's data, from its command line.
fn etcd_data_of(cluster: &Path) -> Result<PathBuf> {
    let commands = commands_with(cluster)?;
    let data = commands.iter().flat_map(|command| command.split('\0')).find_map(|arg| arg.strip_prefix("--data-dir="));
    Ok(PathBuf::from(data.context("etcd does not run")?))
}

/// The command lines of processes that name the cluster's directory, or one like it in memory.
fn commands_with(cluster: &Path) -> Result<Vec<String>> {
    let name = cluster.file_name().context("a cluster without a directory")?.to_string_lossy();
    let processes = std::fs::read_dir("/proc")?.flatten();
    let commands = processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    Ok(commands.filter(|command| command.contains(&*name)).collect())
}
