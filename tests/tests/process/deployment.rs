//! What is deployed is what a cluster accepts.

use anyhow::Result;
use xtask::paths;

use super::served;

#[tokio::test]
async fn the_kustomize_base_passes_a_server_side_dry_run() -> Result<()> {
    let cluster = &served().await?.0.cluster;
    cluster.namespace(api::rbac::NAMESPACE).await?;
    let base = paths::workspace().join("deploy/daemon-updater").display().to_string();
    let args = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "--output=name", "-k", &base];
    let applied = cluster.kubectl(&args).await?;
    for object in [
        "customresourcedefinition.apiextensions.k8s.io/fleetrollouts.drover.dev",
        "namespace/drover-system",
        "serviceaccount/daemon-updater",
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
    let deployments = cluster.kubectl(&["get", "deployments", "--all-namespaces", "--output=name"]).await?;
    assert_eq!(deployments.trim(), "");
    Ok(())
}
