//! What is deployed is what a cluster accepts.

use anyhow::{Context as _, Result};
use serde_json::Value;
use xtask::paths;

use super::{LONG, cluster, says};

#[tokio::test]
async fn the_kustomize_base_has_kinds_and_policies() -> Result<()> {
    let cluster = cluster().await?;
    cluster.namespace(api::rbac::NAMESPACE).await?;
    let base = paths::workspace().join("deploy/daemon-updater").display().to_string();
    let args = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "--output=name", "-k", &base];
    let applied = cluster.kubectl(&args).await?;
    says(
        &applied,
        &[
            "customresourcedefinition.apiextensions.k8s.io/approvalrequests.drover.dev",
            "customresourcedefinition.apiextensions.k8s.io/fleetrollouts.drover.dev",
            "customresourcedefinition.apiextensions.k8s.io/rolloutstrategies.drover.dev",
            "clusterrole.rbac.authorization.k8s.io/drover-approver",
            "validatingadmissionpolicy.admissionregistration.k8s.io/approvals-by-approvers.drover.dev",
            "validatingadmissionpolicybinding.admissionregistration.k8s.io/approvals-by-approvers.drover.dev",
            "validatingadmissionpolicy.admissionregistration.k8s.io/daemonsets-moved-and-changed.drover.dev",
            "validatingadmissionpolicybinding.admissionregistration.k8s.io/daemonsets-moved-and-changed.drover.dev",
        ],
    );
    Ok(())
}

/// The API server's own check of the policies' expressions found nothing to warn of.
#[tokio::test]
async fn the_policies_type_check() -> Result<()> {
    let cluster = cluster().await?;
    let read = ["get", "validatingadmissionpolicies", "--output=json"];
    let policies = tests::fixture::eventually("the policies to be checked", LONG, async || {
        let list: Value = serde_json::from_str(&cluster.kubectl(&read).await?)?;
        let policies = list["items"].as_array().context("a list")?.clone();
        let checked = policies.iter().all(|of| of["status"]["observedGeneration"] == of["metadata"]["generation"]);
        Ok(checked.then_some(policies))
    })
    .await?;
    assert_eq!(policies.len(), 2);
    for policy in policies {
        let warnings = &policy["status"]["typeChecking"]["expressionWarnings"];
        assert!(warnings.is_null(), "{}: {warnings}", policy["metadata"]["name"]);
    }
    Ok(())
}
