//! What is deployed is what a cluster accepts.

use anyhow::Result;
use xtask::paths;

use super::served;

/// What a cluster would make of a folder with a kustomization.
async fn applied(folder: &str) -> Result<String> {
    let cluster = &served().await?.0.cluster;
    cluster.namespace(api::rbac::NAMESPACE).await?;
    let folder = paths::workspace().join(folder).display().to_string();
    cluster
        .kubectl(&["apply", "--server-side", "--dry-run=server", "--force-conflicts", "--output=name", "-k", &folder])
        .await
}

#[tokio::test]
async fn with_tls_there_is_a_service_too() -> Result<()> {
    let applied = applied("deploy/overlays/daemon-updater-tls").await?;
    for object in ["deployment.apps/daemon-updater", "service/daemon-updater", "serviceaccount/drover-admin"] {
        assert!(applied.contains(object), "{object} is not among {applied}");
    }
    Ok(())
}

#[tokio::test]
async fn the_kustomize_base_passes_a_server_side_dry_run() -> Result<()> {
    let applied = applied("deploy/daemon-updater").await?;
    for object in [
        "customresourcedefinition.apiextensions.k8s.io/fleetrollouts.drover.dev",
        "namespace/drover-system",
        "serviceaccount/daemon-updater",
        "serviceaccount/drover-admin",
        "clusterrole.rbac.authorization.k8s.io/drover-daemon-updater",
        "rolebinding.rbac.authorization.k8s.io/drover-daemon-updater",
        "priorityclass.scheduling.k8s.io/drover",
        "deployment.apps/daemon-updater",
        "poddisruptionbudget.policy/daemon-updater",
        "configmap/daemon-updater-",
    ] {
        assert!(applied.contains(object), "{object} is not among {applied}");
    }
    // It was a dry run: there is no Deployment.
    let deployments =
        served().await?.0.cluster.kubectl(&["get", "deployments", "--all-namespaces", "--output=name"]).await?;
    assert_eq!(deployments.trim(), "");
    Ok(())
}
