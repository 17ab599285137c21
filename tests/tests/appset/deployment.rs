//! What is deployed is what a cluster accepts, and what the service accepts.

use anyhow::{Context as _, Result};
use tests::fixture::APPSET_CONTROLLER;
use xtask::paths;
use xtask::process::Spec;
use xtask::supervisor::Exit;

use super::{MINUTE, bed, has};

/// What a cluster would make of a folder with a kustomization.
async fn applied(folder: &str) -> Result<String> {
    let folder = paths::workspace().join(folder).display().to_string();
    let args = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "--output=name", "-k", &folder];
    bed().await?.cluster.kubectl(&args).await
}

#[tokio::test]
async fn the_kustomize_base_has_everything_a_cluster_needs() -> Result<()> {
    let applied = applied("deploy/appset-controller").await?;
    has(
        &applied,
        &[
            "namespace/drover-system",
            "customresourcedefinition.apiextensions.k8s.io/fleetrollouts.drover.dev",
            "validatingadmissionpolicy.admissionregistration.k8s.io/approvals-by-approvers.drover.dev",
            "serviceaccount/appset-controller",
            "deployment.apps/appset-controller",
            "poddisruptionbudget.policy/appset-controller",
            "clusterrole.rbac.authorization.k8s.io/drover-appset-controller",
            "clusterrolebinding.rbac.authorization.k8s.io/drover-appset-controller",
            "role.rbac.authorization.k8s.io/drover-appset-controller",
            "configmap/appset-controller-",
        ],
    );
    // OpenYurt's kind is not among them: applying it would replace the definition of a cluster that has OpenYurt.
    assert!(!applied.contains("apps.openyurt.io"), "{applied}");
    Ok(())
}

#[tokio::test]
async fn with_tls_there_is_a_service_too() -> Result<()> {
    let applied = applied("deploy/overlays/appset-controller-tls").await?;
    has(&applied, &["deployment.apps/appset-controller", "service/appset-controller", "serviceaccount/drover-admin"]);
    Ok(())
}

/// Nothing is left of what the file says, and nothing in it is unknown.
#[tokio::test]
async fn the_deployed_configuration_is_taken() -> Result<()> {
    let file = paths::workspace().join("deploy/appset-controller/appset-controller.toml");
    let process =
        Spec::service(APPSET_CONTROLLER)?.flag("config", file.display()).arg("--print-config").start().await?;
    let exit = tokio::time::timeout(MINUTE, process.wait()).await.context("it does not end")?;
    let output = process.output();
    assert_eq!(exit, Exit::Code(0), "{output}");
    has(&output, &["listen = ", "[lease]"]);
    Ok(())
}
