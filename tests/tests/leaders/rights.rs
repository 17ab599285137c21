//! The service runs under exactly its own rights, and cannot be led to give away others.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use anyhow::{Context as _, Result, ensure};
use api::rbac::{LEADER_ENDPOINTS_CONTROLLER, POOL_SCOPED};
use serde_json::json;
use tests::fixture::{allowed, eventually, has_rights};

use super::site::Site;
use super::{LONG, USER, bed};

#[tokio::test]
async fn every_call_is_one_that_its_table_allows() -> Result<()> {
    let bed = bed().await?;
    let spec = json!({"enableLeaderElection": true, "labels": {"site": "rights"}});
    let site = Site::open(&bed.stage, "rights", spec).await?;
    site.add("a", "10.77.0.1", &json!({})).await?;
    site.await_count(1).await?;
    let expected = [
        "watch nodepools",
        "watch nodes",
        "watch endpoints",
        "watch configmaps",
        "watch leases",
        "patch endpoints",
        "patch configmaps",
        "patch nodes",
        "patch nodepools/status",
        "patch clusterroles",
    ];
    let used = eventually("all that it does", LONG, async || {
        let mut audit = bed.stage.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = audit.read()?.iter().filter(|call| call.user == USER);
        let (mut used, mut refused) = (BTreeSet::new(), Vec::new());
        for call in mine {
            used.insert(call.kind());
            if [401, 403].contains(&call.code) {
                refused.push(call.clone());
            }
        }
        ensure!(refused.is_empty(), "{refused:?}");
        Ok(expected.iter().all(|kind| used.contains(*kind)).then_some(used))
    })
    .await?;
    let allowed = allowed(&LEADER_ENDPOINTS_CONTROLLER);
    ensure!(used.is_subset(&allowed), "{used:?} is more than {allowed:?}");
    Ok(())
}

#[tokio::test]
async fn other_rights_it_has_none() -> Result<()> {
    let own = [
        &["patch", "nodes"][..],
        &["patch", "configmaps", "--namespace=kube-system"],
        &["patch", "clusterroles.rbac.authorization.k8s.io/yurt-hub-multiplexer"],
    ];
    let others = [
        &["get", "secrets", "--all-namespaces"][..],
        &["list", "pods", "--all-namespaces"],
        &["list", "configmaps", "--all-namespaces"],
        &["patch", "configmaps", "--namespace=default"],
        &["patch", "endpoints", "--namespace=default"],
        &["patch", "nodepools.apps.openyurt.io"],
        &["delete", "nodepools.apps.openyurt.io"],
        &["patch", "nodes", "--subresource=status"],
        &["delete", "nodes"],
        &["patch", "clusterroles.rbac.authorization.k8s.io/cluster-admin"],
        &["escalate", "clusterroles.rbac.authorization.k8s.io"],
        &["bind", "clusterroles.rbac.authorization.k8s.io"],
        &["create", "clusterrolebindings.rbac.authorization.k8s.io"],
        &["impersonate", "users"],
    ];
    has_rights(&bed().await?.stage.cluster, USER, &own, &others).await
}

/// The API server itself lets nobody write a role with rights that he does not hold.
#[tokio::test]
async fn it_could_not_grant_more_than_is_listed_if_it_wanted() -> Result<()> {
    let cluster = &bed().await?.stage.cluster;
    let grant = async |group: &str, resource: &str| {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "yurt-hub-multiplexer"},
            "rules": [{"apiGroups": [group], "resources": [resource], "verbs": ["list", "watch"]}],
        });
        let user = format!("--as={USER}");
        let args = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", &user, "--field-manager=rights"];
        let args = [&args[..], &["-f", "-"]].concat();
        cluster.kubectl_with_input(&args, &role.to_string()).await
    };
    for (group, resource) in POOL_SCOPED {
        grant(group, resource).await.with_context(|| format!("granting {group}/{resource}"))?;
    }
    for (group, resource) in [("", "secrets"), ("", "configmaps"), ("", "pods"), ("*", "*"), ("apps", "deployments")] {
        let refused = grant(group, resource).await;
        let why = refused.err().with_context(|| format!("{group}/{resource} could be granted"))?;
        assert!(format!("{why:#}").contains("not currently held"), "{why:#}");
    }
    Ok(())
}
