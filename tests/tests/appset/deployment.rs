//! What is deployed is what a cluster accepts, and what the service accepts.

use anyhow::{Context as _, Result};
use tests::fixture::APPSET_CONTROLLER;
use xtask::paths;
use xtask::process::Spec;
use xtask::supervisor::Exit;

use super::{MINUTE, bed, has};

#[tokio::test]
async fn the_kustomize_base_has_everything_a_cluster_needs() -> Result<()> {
    let cluster = &bed().await?.cluster;
    let base = paths::workspace().join("deploy/appset-controller").display().to_string();
    let args = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "--output=name", "-k", &base];
    let applied = cluster.kubectl(&args).await?;
    has(
        &applied,
        &[
            "serviceaccount/appset-controller",
            "deployment.apps/appset-controller",
            "poddisruptionbudget.policy/appset-controller",
            "clusterrole.rbac.authorization.k8s.io/drover-appset-controller",
            "configmap/appset-controller-",
        ],
    );
    // OpenYurt's kind is not among them: applying it would replace the definition of a cluster that has OpenYurt.
    assert!(!applied.contains("yurtappsets.apps.openyurt.io"), "{applied}");
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
